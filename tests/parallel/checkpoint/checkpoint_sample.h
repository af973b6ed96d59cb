#pragma once
/// Arrays to save and load, cut in many ways, with bytes that tell every element from the others.

#include <deque>
#include <string>
#include <vector>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk::test {

/// A whole array, dense.
struct SampleArray {
  std::string name;
  Shape shape;
  DType dtype = DType::f32;
  std::vector<std::byte> bytes;
};

/// Bits that look random but depend only on salt, name and position: all patterns, NaNs and
/// denormals too.
[[nodiscard]] SampleArray sample_array(std::string name, DType dtype, Shape shape, Index salt = 0);

/// Every dtype, 1 to 4 dims, extents of 1 and odd ones; some smaller than eight ranks.
[[nodiscard]] std::vector<SampleArray> sample_arrays(Index salt = 0);

/// Memory for a box with a gap behind each row.
struct BoxMemory {
  Box box;
  DType dtype = DType::f32;
  Index row_stride = 0;
  std::vector<std::byte> bytes;

  [[nodiscard]] TensorView view();
};
/// The array's elements of a box, `gap` elements between the rows.
[[nodiscard]] BoxMemory copy_of(const SampleArray& array, const Box& box, Index gap);
/// The same, all bytes 0xA5, possibly of another dtype.
[[nodiscard]] BoxMemory blank(const Box& box, DType dtype, Index gap);
/// Nothing when the memory holds exactly the array's bits there and its gaps were not written.
[[nodiscard]] std::string difference(const SampleArray& array, const BoxMemory& memory);

/// Piece `piece` of `pieces` along a dim (counted modulo ndim); may be empty.
[[nodiscard]] Box cut(const Shape& shape, int dim, Index piece, Index pieces);

/// How ranks divide arrays: array i is cut along dim i + `dim`, and rows lie `gap` apart.
struct Layout {
  int dim = 0;
  Index gap = 0;
};

/// Saves a rank's share of the arrays.
void save_sample(Communicator& communicator, const std::filesystem::path& directory, Index step,
                 const std::vector<SampleArray>& arrays, Layout layout);

/// Loads a rank's share; returns what differs from the arrays.
[[nodiscard]] std::string load_sample(Communicator& communicator, const std::filesystem::path& path,
                                      const std::vector<SampleArray>& arrays, Layout layout);

/// Targets and the memory behind them.
struct Targets {
  std::deque<BoxMemory> memories;
  std::vector<ArrayTarget> targets;
};
[[nodiscard]] Targets make_targets(const std::vector<SampleArray>& arrays, Layout layout, int rank,
                                   int ranks);
/// Differences of all memories from the arrays, joined.
[[nodiscard]] std::string differences(const std::vector<SampleArray>& arrays,
                                      const Targets& targets);

}  // namespace tokenwerk::test
