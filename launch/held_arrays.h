#pragma once
/// What a rank holds of weights and optimizer state that other ranks hold too, and its bits in
/// short.

#include <cstdint>
#include <string>
#include <vector>

#include "core/optimizer/adamw_optimizer.h"
#include "parallel/mesh.h"

namespace tokenwerk {

/// A dense array of which every rank along an axis holds the same bits between two steps.
struct HeldArray {
  std::string name;  ///< as in a checkpoint: "model/blocks.0.mlp.up.weight"
  Box box;           ///< in the global array
  TensorView values;
  Axis axis = Axis::data;  ///< or replicate: a shard
  bool counted = true;     ///< false: a shard of weights that are here whole too
};

/// All that this rank holds, in canonical order, the same one along both axes: whole arrays are
/// alike along data, shards along replicate. Of weights whose update is sharded but which are kept
/// whole there are both: only the shards tell who was wrong first, since the others copy from it.
/// Weights are there and no step is under way.
[[nodiscard]] std::vector<HeldArray> held_arrays(const ParameterStore& store,
                                                 const AdamWOptimizer& optimizer);

/// XXH3-64 of a dense array's bits, in the order of its elements. What lies in a device's memory
/// goes through host memory in pieces of 64 MiB. Work on the array has been done.
[[nodiscard]] std::uint64_t hash_of_bits(const ConstTensorView& values);

/// Changes one bit of an f32 in the middle of what the optimizer starts from: weights, or their
/// master copy where they are narrower.
void flip_bit(Stream& stream, const ParameterStore& store, const AdamWOptimizer& optimizer,
              Index bit);

}  // namespace tokenwerk
