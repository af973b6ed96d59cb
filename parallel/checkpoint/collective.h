#pragma once
/// Agreement between the ranks of a save or load: nobody goes on alone, nobody hangs.

#include <functional>

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Runs this rank's share of the work, then waits for all. When it threw on some rank, every rank
/// throws the same CheckpointError, which holds each different message once, with the first rank
/// that had it. `work` must not communicate.
void together(Communicator& communicator, const std::function<void()>& work);

/// The same for work of rank 0 alone; its message stands by itself.
void on_first_rank(Communicator& communicator, const std::function<void()>& work);

}  // namespace tokenwerk
