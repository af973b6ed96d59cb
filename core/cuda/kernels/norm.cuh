#pragma once
/// Rows that a block keeps in its registers between a pass for their sums and one for their
/// results.

#include "core/cuda/kernels/device.cuh"
#include "core/cuda/kernels/norm.h"

namespace tokenwerk::cuda {

inline constexpr int most_norm_threads = 512;

/// Calls body(k, column) for each pack of the calling thread, the k-th beginning at that column:
/// `packs` of them at most, or any number for packs = 0.
template <int n, int packs, typename Body>
__device__ __forceinline__ void for_own_packs(int columns, const Body& body) {
  const int step = static_cast<int>(blockDim.x) * n, start = static_cast<int>(threadIdx.x) * n;
  if constexpr (packs > 0) {
#pragma unroll
    for (int k = 0; k < packs; ++k)
      if (start + k * step < columns) body(k, start + k * step);
  } else {
    for (int column = start; column < columns; column += step) body(0, column);
  }
}

/// The calling thread's packs of a row; with packs = 0 they are read again at each use.
template <typename T, int packs>
class OwnPacks {
 public:
  static constexpr int n = pack_size<T>;

  __device__ __forceinline__ OwnPacks(const T* row, int columns, bool aligned)
      : row_(row), columns_(columns), aligned_(aligned) {
    if constexpr (packs > 0) {
      const int step = static_cast<int>(blockDim.x) * n;
#pragma unroll
      for (int k = 0; k < packs; ++k)  // zeros behind the row
        held_[k] = read(static_cast<int>(threadIdx.x) * n + k * step);
    }
  }

  __device__ __forceinline__ Pack<T, n> at(int k, int column) const {
    if constexpr (packs > 0)
      return held_[k];
    else
      return read(column);
  }
  /// Elements of a pack that the row has.
  __device__ __forceinline__ int count(int column) const {
    return columns_ - column < n ? columns_ - column : n;
  }

 private:
  __device__ __forceinline__ Pack<T, n> read(int column) const {
    return load_part<n>(row_ + column, columns_ - column, aligned_);
  }

  const T* row_;
  int columns_;
  bool aligned_;
  Pack<T, n> held_[packs > 0 ? packs : 1];
};

/// Calls body with the number of packs a thread keeps, as a constant, and the threads of a block
/// for rows of this width: up to 16384 elements of bf16 and f32 and 4096 of f64 stay in registers.
template <typename T, typename Body>
cudaError_t with_packs(Index columns, const Body& body) {
  constexpr int few = 2, many = std::is_same_v<T, float> ? 8 : 4;
  const Index packs = blocks_of(columns, pack_size<T>);
  const auto threads = [&](int each) {
    const Index warps = blocks_of(blocks_of(packs, each), warp_size);
    return grid_of(std::min<Index>(warps * warp_size, most_norm_threads));
  };
  if (packs <= few * most_norm_threads)
    return body(std::integral_constant<int, few>{}, threads(few));
  if (packs <= many * most_norm_threads)
    return body(std::integral_constant<int, many>{}, threads(many));
  return body(std::integral_constant<int, 0>{}, static_cast<unsigned>(most_norm_threads));
}

template <typename A>
struct Statistics {
  A mean, rstd;
};

template <Norm kind, typename A>
__device__ __forceinline__ Statistics<A> read_statistics(const A* stats) {
  return kind == Norm::layer ? Statistics<A>{stats[0], stats[1]} : Statistics<A>{A{}, stats[0]};
}

/// Calls body with the kind as a constant.
template <typename Body>
cudaError_t with_norm(Norm kind, const Body& body) {
  if (kind == Norm::layer) return body(std::integral_constant<Norm, Norm::layer>{});
  return body(std::integral_constant<Norm, Norm::rms>{});
}

}  // namespace tokenwerk::cuda
