/// Normal numbers with the cpu device's bits: the series of core/normal.h, whose products and sums
/// must each round (-fmad=false, as for all kernels) and whose functions are constexpr, which
/// kernels may call (--expt-relaxed-constexpr).

#include "core/cuda/kernels/random.h"

#include "core/cuda/kernels/map.cuh"
#include "core/normal.h"

namespace tokenwerk::cuda {
namespace {

/// normal_pair, with the device's square root, which rounds exactly too.
__device__ NormalPair device_normal_pair(std::uint32_t radius_word, std::uint32_t angle_word) {
  const double radius = sqrt(-2.0 * detail::log_of(uniform_of(radius_word)));
  const detail::Direction direction = detail::direction_of(uniform_of(angle_word));
  return {radius * direction.cosine, radius * direction.sine};
}

/// A map over (rows, Philox blocks that a row touches): a thread makes the four numbers of a block
/// and stores those that are the row's.
template <typename T>
struct FillNormal {
  Rows<T> x;
  Index columns;
  NormalNumbers numbers;

  template <int>
  __device__ void run(Index row, Index block_of_row) const {
    const Index start = (numbers.row_offset + row) * numbers.global_columns + numbers.column_offset;
    const Index block = start / 4 + block_of_row, first = block * 4 - start;
    if (first >= columns) return;
    const PhiloxWords words =
        philox(numbers.seed, numbers.stream, static_cast<std::uint64_t>(block));
    const NormalPair a = device_normal_pair(words[0], words[1]);
    const NormalPair b = device_normal_pair(words[2], words[3]);
    const double normals[4] = {a.first, a.second, b.first, b.second};
    Pack<T, 4> out;
    for (int lane = 0; lane < 4; ++lane)
      out.values[lane] = rounded<T>(numbers.deviation * normals[lane]);
    T* const to = x.at(row, first);
    if (first >= 0 && first + 4 <= columns && starts_aligned<4>(to)) return store(to, out);
    for (int lane = 0; lane < 4; ++lane)
      if (first + lane >= 0 && first + lane < columns) to[lane] = out.values[lane];
  }
};

}  // namespace

cudaError_t fill_normal(cudaStream_t stream, Array x, const NormalNumbers& numbers) {
  return with_type(x.dtype, [&]<typename T>(T) {
    const bool whole = numbers.global_columns % 4 == 0 && numbers.column_offset % 4 == 0;
    const Index most_blocks_of_row = blocks_of(x.columns, 4) + (whole ? 0 : 1);
    return map<1>(stream, x.rows, most_blocks_of_row, true,
                  FillNormal<T>{rows_of<T>(x), x.columns, numbers});
  });
}

}  // namespace tokenwerk::cuda
