#pragma once
/// What ranks on GPUs of their own move between them.

#include "parallel/comm/environment.h"
#include "tests/bench/gpu/bench.h"

namespace tokenwerk::bench {

/// Bus bandwidth by size and operation, as NCCL's own tests count it: the bytes that each rank must
/// send, over the seconds of the slowest rank. Every rank calls; the first one prints.
void collectives(Bench& bench, MpiEnvironment& environment);

}  // namespace tokenwerk::bench
