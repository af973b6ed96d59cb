#include "core/cuda/kernels/token_order.h"

#include <bit>

#include "core/cuda/kernels/device.cuh"

namespace tokenwerk::cuda {
namespace {

constexpr int digit_bits = 8, digits = 1 << digit_bits;
constexpr int sort_threads = 256, keys_of_thread = 4, tile_keys = sort_threads * keys_of_thread;
constexpr int scan_threads = 1024;

/// Where the first pass reads: rows as they stand in the batch.
struct FromTokens {
  TableTokens tokens;
  __device__ TokenRow operator()(Index row) const {
    const Index held = tokens.tokens[row] - tokens.first_token;
    const bool here = held >= 0 && held < tokens.table_rows;
    return {static_cast<std::int32_t>(here ? held : tokens.table_rows),
            static_cast<std::int32_t>(row)};
  }
};
/// Where later passes read: what the one before wrote.
struct FromRows {
  const TokenRow* rows;
  __device__ TokenRow operator()(Index i) const { return rows[i]; }
};

/// The key's digit that a pass sorts by.
struct Digit {
  int shift;
  __device__ int operator()(const TokenRow& row) const {
    return row.table_row >> shift & (digits - 1);
  }
};

/// counts[digit * tiles + tile]: the keys of a tile that have the digit.
template <typename From>
__global__ void __launch_bounds__(sort_threads)
    count_kernel(std::int32_t* counts, From from, Digit digit, Index rows) {
  __shared__ int found[digits];
  found[threadIdx.x] = 0;
  __syncthreads();
  const Index first = static_cast<Index>(blockIdx.x) * tile_keys;
  for (Index i = first + threadIdx.x; i < first + tile_keys && i < rows; i += sort_threads)
    atomicAdd(found + digit(from(i)), 1);  // whole numbers: any order gives the same
  __syncthreads();
  counts[threadIdx.x * gridDim.x + blockIdx.x] = found[threadIdx.x];
}

/// Replaces every count by the sum of those before it. One block: there are 256 a thousand keys.
__global__ void __launch_bounds__(scan_threads) scan_kernel(std::int32_t* counts, Index count) {
  __shared__ std::int32_t sums[scan_threads];
  const Index each = (count + scan_threads - 1) / scan_threads;
  const Index first = threadIdx.x * each, last = first + each < count ? first + each : count;
  std::int32_t sum = 0;
  for (Index i = first; i < last; ++i) sum += counts[i];
  sums[threadIdx.x] = sum;
  for (int distance = 1; distance < scan_threads; distance *= 2) {
    __syncthreads();
    const bool has = static_cast<int>(threadIdx.x) >= distance;
    const std::int32_t before = has ? sums[threadIdx.x - distance] : 0;
    __syncthreads();
    sums[threadIdx.x] += before;
  }
  sum = sums[threadIdx.x] - sum;  // of the threads before this one
  for (Index i = first; i < last; ++i) {
    const std::int32_t here = counts[i];
    counts[i] = sum;
    sum += here;
  }
}

/// Moves each key behind those of smaller digits, of earlier tiles, and before it in its own.
template <typename From>
__global__ void __launch_bounds__(sort_threads)
    move_kernel(TokenRow* to, const std::int32_t* starts, From from, Digit digit, Index rows) {
  __shared__ std::uint8_t found[tile_keys];
  const Index first = static_cast<Index>(blockIdx.x) * tile_keys;
  const int count = static_cast<int>(rows - first < tile_keys ? rows - first : tile_keys);
  for (int i = static_cast<int>(threadIdx.x); i < count; i += sort_threads)
    found[i] = static_cast<std::uint8_t>(digit(from(first + i)));
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += sort_threads) {
    const int own = found[i];
    std::int32_t place = starts[static_cast<Index>(own) * gridDim.x + blockIdx.x];
    for (int k = 0; k < i; ++k) place += found[k] == own ? 1 : 0;
    to[place] = from(first + i);
  }
}

/// starts[v]: how many of the sorted rows name a table row before v.
__global__ void __launch_bounds__(sort_threads)
    starts_kernel(std::int32_t* starts, const TokenRow* sorted, Index rows, Index table_rows) {
  const Index v = static_cast<Index>(blockIdx.x) * sort_threads + threadIdx.x;
  if (v > table_rows) return;
  Index first = 0, last = rows;
  while (first < last) {
    const Index middle = (first + last) / 2;
    if (sorted[middle].table_row < v)
      first = middle + 1;
    else
      last = middle;
  }
  starts[v] = static_cast<std::int32_t>(first);
}

/// The parts of the scratch; rows first, which want 8 bytes.
struct Scratch {
  TokenRow* rows[2];
  std::int32_t *counts, *starts;
};
Scratch scratch_of(std::int32_t* data, Index rows, Index tiles) {
  auto* const first = reinterpret_cast<TokenRow*>(data);
  std::int32_t* const counts = data + 4 * rows;
  return {{first, first + rows}, counts, counts + digits * tiles};
}

template <typename From>
void sort_pass(cudaStream_t stream, TokenRow* to, std::int32_t* counts, const From& from,
               Digit digit, Index rows) {
  const unsigned tiles = grid_of(blocks_of(rows, tile_keys));
  count_kernel<<<tiles, sort_threads, 0, stream>>>(counts, from, digit, rows);
  scan_kernel<<<1, scan_threads, 0, stream>>>(counts, static_cast<Index>(tiles) * digits);
  move_kernel<<<tiles, sort_threads, 0, stream>>>(to, counts, from, digit, rows);
}

}  // namespace

Index token_order_scratch(Index rows, Index table_rows) {
  return 4 * rows + digits * blocks_of(rows, tile_keys) + table_rows + 1;
}

cudaError_t order_tokens(cudaStream_t stream, TokenOrder& order, std::int32_t* scratch,
                         const TableTokens& tokens) {
  const Scratch s = scratch_of(scratch, tokens.rows, blocks_of(tokens.rows, tile_keys));
  const int bits = std::bit_width(static_cast<std::uint64_t>(tokens.table_rows));
  int turn = 0;
  for (int shift = 0; shift < bits && tokens.rows > 0; shift += digit_bits, turn = 1 - turn) {
    if (shift == 0)
      sort_pass(stream, s.rows[turn], s.counts, FromTokens{tokens}, {shift}, tokens.rows);
    else
      sort_pass(stream, s.rows[turn], s.counts, FromRows{s.rows[1 - turn]}, {shift}, tokens.rows);
  }
  const TokenRow* const sorted = s.rows[1 - turn];
  starts_kernel<<<grid_of(blocks_of(tokens.table_rows + 1, sort_threads)), sort_threads, 0,
                  stream>>>(s.starts, sorted, tokens.rows, tokens.table_rows);
  order = {sorted, s.starts};
  return cudaGetLastError();
}

}  // namespace tokenwerk::cuda
