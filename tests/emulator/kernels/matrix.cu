/// Products of matrices: by tensor cores, and by hand.

#include <cuda_bf16.h>
#include <mma.h>

#include "tests/emulator/kernels/kernels.h"

namespace tokenwerk::emulator::kernels {
namespace {

using namespace nvcuda;

__global__ void wmma_product_kernel(float* c, const __nv_bfloat16* a, const __nv_bfloat16* b) {
  __shared__ __nv_bfloat16 staged[256];
  for (int i = threadIdx.x; i < 256; i += 32) staged[i] = a[i];
  __syncwarp();
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> fragment_a;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::col_major> fragment_b;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 0.0f);
  wmma::load_matrix_sync(fragment_a, staged, 16);
  wmma::load_matrix_sync(fragment_b, b, 16);
  wmma::mma_sync(sum, fragment_a, fragment_b, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_row_major);
}

__global__ void mma_product_kernel(float* c, const __nv_bfloat16* a, const __nv_bfloat16* b) {
  __shared__ __align__(16) __nv_bfloat16 tile_a[16 * 16];
  __shared__ __align__(16) __nv_bfloat16 tile_b[16 * 8];
  const int lane = threadIdx.x;
  for (int i = lane; i < 16 * 16; i += 32) tile_a[i] = a[i];
  for (int i = lane; i < 16 * 8; i += 32) tile_b[i] = b[i];
  __syncwarp();
  unsigned fa[4];
  unsigned fb[2];
  float sum[4] = {};
  const auto address_a =
      static_cast<unsigned>(__cvta_generic_to_shared(tile_a + lane % 16 * 16 + lane / 16 * 8));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(fa[0]), "=r"(fa[1]), "=r"(fa[2]), "=r"(fa[3])
               : "r"(address_a));
  const auto address_b = static_cast<unsigned>(__cvta_generic_to_shared(tile_b + lane % 16 * 8));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(fb[0]), "=r"(fb[1])
               : "r"(address_b));
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
  for (int i = 0; i < 4; ++i) c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
}

constexpr int tile = 16;

__global__ void tiled_product_kernel(float* c, const float* a, const float* b, int n) {
  __shared__ float tile_a[tile][tile];
  __shared__ float tile_b[tile][tile];
  const int row = blockIdx.y * tile + threadIdx.y;
  const int column = blockIdx.x * tile + threadIdx.x;
  float sum = 0;
  for (int begin = 0; begin < n; begin += tile) {
    tile_a[threadIdx.y][threadIdx.x] = a[row * n + begin + threadIdx.x];
    tile_b[threadIdx.y][threadIdx.x] = b[(begin + threadIdx.y) * n + column];
    __syncthreads();
    for (int k = 0; k < tile; ++k) sum += tile_a[threadIdx.y][k] * tile_b[k][threadIdx.x];
    __syncthreads();
  }
  c[row * n + column] = sum;
}

}  // namespace

void wmma_product(float* c, const std::uint16_t* a, const std::uint16_t* b) {
  wmma_product_kernel<<<1, 32>>>(c, reinterpret_cast<const __nv_bfloat16*>(a),
                                 reinterpret_cast<const __nv_bfloat16*>(b));
}

void mma_product(float* c, const std::uint16_t* a, const std::uint16_t* b) {
  mma_product_kernel<<<1, 32>>>(c, reinterpret_cast<const __nv_bfloat16*>(a),
                                reinterpret_cast<const __nv_bfloat16*>(b));
}

void tiled_product(float* c, const float* a, const float* b, int n) {
  tiled_product_kernel<<<dim3(n / tile, n / tile), dim3(tile, tile)>>>(c, a, b, n);
}

}  // namespace tokenwerk::emulator::kernels
