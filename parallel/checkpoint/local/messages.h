#pragma once
/// Bytes of any length from rank to rank.

#include <string>

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Sends a text to one rank while receiving one from another; a rank of -1 leaves a half out, an
/// empty text comes back where nothing is received. Each half has its other half on the rank it
/// names. At once, on the caller.
[[nodiscard]] std::string exchange_text(Communicator& ranks, std::string text, int to, int from,
                                        CallSite site = CallSite::current());

}  // namespace tokenwerk
