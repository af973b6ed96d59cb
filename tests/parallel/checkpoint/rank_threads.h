#pragma once
/// Several ranks as threads of one process: host-side collectives without MPI.

#include <functional>
#include <string>
#include <vector>

#include "parallel/comm/communicator.h"

namespace tokenwerk::test {

/// Runs `body` once per rank, each in its own thread with its own communicator (control data,
/// gathers, broadcasts and exchanges only), and returns what each rank threw: an empty text where
/// it ended well.
[[nodiscard]] std::vector<std::string> run_ranks(int ranks,
                                                 const std::function<void(Communicator&)>& body);

}  // namespace tokenwerk::test
