#pragma once
/// MPI's own sums: what ours are measured against (tests/bench).

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// x = the sum of all ranks' x by MPI_Allreduce, at once on the caller. Nothing when alone.
void library_all_reduce(Communicator&, TensorView x);
/// y(n) = part `rank` of the sum of all ranks' x(size * n) by MPI_Reduce_scatter_block, likewise.
void library_reduce_scatter(Communicator&, TensorView y, ConstTensorView x);

}  // namespace tokenwerk
