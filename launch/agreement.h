#pragma once
/// Faults that ranks share: they end together, and the first of them says why.

#include <functional>

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Runs `work` on every rank. When it throws on one, every rank throws the same SharedError, which
/// holds each different message once and the lowest of their exit codes. `work` must not
/// communicate, unless what it communicates about fails on all ranks at the same place.
void agree(Communicator& ranks, const std::function<void()>& work,
           CallSite site = CallSite::current());

/// Runs `work` on the first rank alone, which acts for all: when it throws, every rank throws the
/// same SharedError.
void agree_with_first(Communicator& ranks, const std::function<void()>& work,
                      CallSite site = CallSite::current());

}  // namespace tokenwerk
