#pragma once
/// MPI's own all-reduce: what ours is measured against (tests/bench).

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// x = the sum of all ranks' x by MPI_Allreduce, at once on the caller. Nothing when alone.
void library_all_reduce(Communicator&, TensorView x);

}  // namespace tokenwerk
