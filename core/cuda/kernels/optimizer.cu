#include "core/cuda/kernels/optimizer.h"

#include "core/cuda/kernels/device.cuh"

namespace tokenwerk::cuda {
namespace {

constexpr int adamw_threads = 256;
/// Threads stride beyond, so that a block's reading of the scalars is shared by many elements.
constexpr Index most_adamw_blocks = 2048;

template <typename T>
struct AdamWRun {
  using A = Accumulator<T>;
  T* w;
  A *master, *m, *v;
  const A* gradient;
  A beta1, beta2, rest1, rest2, epsilon;  // rest: 1 - beta, in f64
  double weight_decay;
};

/// What changes from step to step.
template <typename A>
struct AdamWStep {
  A gradient_scale, decay, step_size, root_correction;
  bool accepted;
};

template <typename A>
__device__ AdamWStep<A> read_step(const AdamWScalars& scalars, double weight_decay) {
  const double lr = *scalars.learning_rate;
  return {static_cast<A>(*scalars.gradient_scale), static_cast<A>(lr * weight_decay),
          static_cast<A>(lr / *scalars.correction1),
          static_cast<A>(1.0 / sqrt(*scalars.correction2)), *scalars.accepted != 0.0};
}

template <int n, typename T, typename A>
__device__ void update(const AdamWRun<T>& a, const AdamWStep<A>& step, Index i) {
  const auto gradient = load<n>(a.gradient + i);
  auto m = load<n>(a.m + i), v = load<n>(a.v + i), w = load<n>(a.master + i);
  for (int k = 0; k < n; ++k) {
    const A g = gradient.values[k] * step.gradient_scale, w0 = w.values[k];
    const A m1 = a.beta1 * m.values[k] + a.rest1 * g;
    const A v1 = a.beta2 * v.values[k] + a.rest2 * (g * g);
    const A distance = sqrt(v1) * step.root_correction + a.epsilon;
    // One difference: in f32 a factor 1 - decay would round most of a small decay away.
    w.values[k] = w0 - (step.decay * w0 + step.step_size * (m1 / distance));
    m.values[k] = m1;
    v.values[k] = v1;
  }
  store(a.m + i, m);
  store(a.v + i, v);
  store(a.master + i, w);
  if constexpr (sizeof(T) != sizeof(A)) {
    Pack<T, n> out;
    for (int k = 0; k < n; ++k) out.values[k] = rounded<T>(w.values[k]);
    store(a.w + i, out);
  }
}

template <int n, typename T>
__global__ void __launch_bounds__(adamw_threads, least_blocks)
    adamw_kernel(AdamWRun<T> a, AdamWScalars scalars, Index count) {
  using A = Accumulator<T>;
  __shared__ AdamWStep<A> shared;
  if (threadIdx.x == 0) shared = read_step<A>(scalars, a.weight_decay);
  __syncthreads();
  const AdamWStep<A> step = shared;
  if (!step.accepted) return;
  const Index stride = static_cast<Index>(gridDim.x) * adamw_threads * n;
  for (Index i = (static_cast<Index>(blockIdx.x) * adamw_threads + threadIdx.x) * n; i < count;
       i += stride) {
    if (i + n <= count) {
      update<n>(a, step, i);
    } else {
      for (Index k = i; k < count; ++k) update<1>(a, step, k);
    }
  }
}

constexpr int square_threads = 256, square_warps = square_threads / warp_size;

/// Where tile `tile` of `tiles` begins in a row.
__device__ Index tile_start(Index tile, Index tiles, Index columns) {
  return tile * columns / tiles;
}

/// A warp sums the squares of a piece of a tile, in an order that the piece's length decides:
/// out[row * out_stride + tile * pieces + piece].
template <typename T>
__global__ void __launch_bounds__(square_threads)
    squares_kernel(double* out, Index out_stride, Rows<const T> x, Index rows, Index columns,
                   Index tiles, Index pieces) {
  constexpr int n = pack_size<T>;
  const Index unit = static_cast<Index>(blockIdx.x) * square_warps + threadIdx.x / warp_size;
  if (unit >= rows * tiles * pieces) return;
  const Index piece = unit % pieces, row = unit / pieces / tiles, tile = unit / pieces % tiles;
  const Index begin = tile_start(tile, tiles, columns) + piece * square_piece;
  const Index rest = tile_start(tile + 1, tiles, columns) - begin;
  const Index count = rest < square_piece ? rest : square_piece;
  const T* const from = x.at(row, begin);
  const bool aligned = starts_aligned<n>(from);
  double sum = 0.0;
#pragma unroll 4
  for (Index i = static_cast<Index>(threadIdx.x % warp_size) * n; i < count; i += warp_size * n) {
    const auto v = load_part<n>(from + i, count - i, aligned);
    for (int k = 0; k < n; ++k) {
      const double value = widened<double>(v.values[k]);
      sum = multiply_add(value, value, sum);
    }
  }
  sum = reduce_warp(sum, Plus{});
  if (threadIdx.x % warp_size == 0) out[row * out_stride + tile * pieces + piece] = sum;
}

/// A warp adds the pieces that tile `unit` has.
__global__ void __launch_bounds__(square_threads)
    add_pieces_kernel(Rows<double> squares, const double* partials, Index rows, Index columns,
                      Index tiles, Index pieces) {
  const Index unit = static_cast<Index>(blockIdx.x) * square_warps + threadIdx.x / warp_size;
  if (unit >= rows * tiles) return;
  const Index row = unit / tiles, tile = unit % tiles;
  const Index length = tile_start(tile + 1, tiles, columns) - tile_start(tile, tiles, columns);
  double sum = 0.0;
  for (Index piece = threadIdx.x % warp_size; piece < square_pieces(length); piece += warp_size)
    sum += partials[unit * pieces + piece];
  sum = reduce_warp(sum, Plus{});
  if (threadIdx.x % warp_size == 0) *squares.at(row, tile) = sum;
}

__device__ bool is_within(double value, double most) { return isfinite(value) && value <= most; }

__global__ void clip_kernel(ClipScalars scalars, const double* squared_norm, const double* loss,
                            ClipLimits limits) {
  const double norm = sqrt(*squared_norm);
  const bool accepted =
      is_within(norm, limits.norm) && (loss == nullptr || is_within(*loss, limits.loss));
  const bool clips = limits.clip > 0.0 && norm > limits.clip;
  *scalars.gradient_norm = norm;
  *scalars.accepted = accepted ? 1.0 : 0.0;
  *scalars.gradient_scale = clips ? limits.clip / norm : 1.0;
}

}  // namespace

cudaError_t adamw(cudaStream_t stream, const AdamWArrays& arrays, const AdamWScalars& scalars,
                  const AdamWOptions& options) {
  const Index count = arrays.w.rows * arrays.w.columns;
  if (count == 0) return cudaSuccess;
  return with_type(arrays.w.dtype, [&]<typename T>(T) {
    using A = Accumulator<T>;
    constexpr int n = pack_size<A>;
    const Array own = arrays.master.data != nullptr ? arrays.master : arrays.w;
    const AdamWRun<T> run{static_cast<T*>(arrays.w.data),
                          static_cast<A*>(own.data),
                          static_cast<A*>(arrays.m.data),
                          static_cast<A*>(arrays.v.data),
                          static_cast<const A*>(arrays.gradient.data),
                          static_cast<A>(options.beta1),
                          static_cast<A>(options.beta2),
                          static_cast<A>(1.0 - options.beta1),
                          static_cast<A>(1.0 - options.beta2),
                          static_cast<A>(options.epsilon),
                          options.weight_decay};
    const bool aligned = starts_aligned<n>(run.w) && starts_aligned<n>(run.master) &&
                         starts_aligned<n>(run.m) && starts_aligned<n>(run.v) &&
                         starts_aligned<n>(run.gradient);
    const Index packs = aligned ? blocks_of(count, n) : count;
    const unsigned blocks = grid_of(std::min(most_adamw_blocks, blocks_of(packs, adamw_threads)));
    if (aligned)
      adamw_kernel<n><<<blocks, adamw_threads, 0, stream>>>(run, scalars, count);
    else
      adamw_kernel<1><<<blocks, adamw_threads, 0, stream>>>(run, scalars, count);
    return cudaGetLastError();
  });
}

cudaError_t squared_norm_tiles(cudaStream_t stream, Array squares, double* partials, ConstArray x) {
  const Index tiles = squares.columns, pieces = square_pieces(blocks_of(x.columns, tiles));
  if (x.rows == 0) return cudaSuccess;
  return with_type(x.dtype, [&]<typename T>(T) {
    const Rows<double> to = rows_of<double>(squares);
    const bool direct = pieces == 1;
    squares_kernel<T>
        <<<grid_of(blocks_of(x.rows * tiles * pieces, square_warps)), square_threads, 0, stream>>>(
            direct ? to.data : partials, direct ? to.stride : tiles * pieces, rows_of<T>(x), x.rows,
            x.columns, tiles, pieces);
    if (!direct)
      add_pieces_kernel<<<grid_of(blocks_of(x.rows * tiles, square_warps)), square_threads, 0,
                          stream>>>(to, partials, x.rows, x.columns, tiles, pieces);
    return cudaGetLastError();
  });
}

cudaError_t clip_by_norm(cudaStream_t stream, const ClipScalars& scalars,
                         const double* squared_norm, const double* loss, const ClipLimits& limits) {
  clip_kernel<<<1, 1, 0, stream>>>(scalars, squared_norm, loss, limits);
  return cudaGetLastError();
}

}  // namespace tokenwerk::cuda
