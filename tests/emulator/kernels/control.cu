/// Lanes that part and meet, calls, arrays of threads, wide integers.

#undef NDEBUG  // release builds test assertions too
#include <cassert>

#include "tests/emulator/kernels/kernels.h"

namespace tokenwerk::emulator::kernels {
namespace {

__global__ void collatz_kernel(int* steps, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int count = 0;
  for (long long x = i + 1; x != 1; ++count) x = x % 2 == 0 ? x / 2 : 3 * x + 1;
  steps[i] = count;
}

__global__ void choose_kernel(int* y, const int* x, int n) {
  const int i = threadIdx.x;
  if (i >= n) return;
  int result = 0;
  switch (x[i]) {
    case 0: result = i * 3; break;
    case 1: result = i * i; break;
    case 2: result = i / 3; break;
    case 3: result = i % 7; break;
    case 4: result = i ^ 3; break;
    case 5: result = 1 - i; break;
    case 6: result = 77; break;
    case 7: result = i << 3; break;
    case 8: result = i | 64; break;
    case 9: result = -i; break;
    case 10: result = i * i * i; break;
    case 11: result = y[(i + 1) % n]; break;
    default: result = -1;
  }
  y[i] = result;
}

struct Point {
  float value;
  float slope;
};

/// 1 + 2 x + ... + degree x^(degree-1) with its slope, by Horner's rule.
__device__ __noinline__ Point polynomial(float x, int degree, int* calls) {
  Point point{0, 0};
  for (int k = degree; k > 0; --k) {
    point.slope = point.slope * x + point.value;
    point.value = point.value * x + static_cast<float>(k);
  }
  *calls += 1;
  return point;
}

__global__ void call_functions_kernel(float* y, const float* x, int n) {
  const int i = threadIdx.x;
  int calls = 0;
  float sum = 0;
  for (int k = 0; k < i % 4; ++k) sum += polynomial(x[i], k + 2, &calls).slope;
  if (i < n) y[i] = sum + polynomial(x[i], 4, &calls).value + static_cast<float>(calls);
}

__global__ void use_local_array_kernel(float* y, int n) {
  float cells[16];
  for (int k = 0; k < 16; ++k) cells[k] = static_cast<float>(k * threadIdx.x);
  for (int k = 0; k < n; ++k) cells[(k * 5) % 16] += cells[(k * 3 + threadIdx.x) % 16];
  y[threadIdx.x] = cells[n % 16];
}

__global__ void wide_integers_kernel(long long* y, const long long* x, int n) {
  const int i = threadIdx.x;
  if (i + 1 >= n) return;
  const long long a = x[i];
  const long long b = x[i + 1];
  const auto product = static_cast<__int128>(a) * b + a;
  long long* mine = y + 6 * i;
  mine[0] = static_cast<long long>(product >> 64);
  mine[1] = static_cast<long long>(product);
  mine[2] = b == 0 ? 0 : a / b;
  mine[3] = b == 0 ? 0 : a % b;
  mine[4] = (a << (i % 64)) ^ (b >> (i % 64)) ^ __umul64hi(a, b);
  mine[5] = __popcll(a) + __clzll(b) + __ffsll(a) + __brev(static_cast<unsigned>(a)) +
            __funnelshift_l(static_cast<unsigned>(a), static_cast<unsigned>(b), i);
}

__global__ void fill_kernel(float* y, int n, float value) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = value;
}

__global__ void assert_positive_kernel(const int* x, int n) {
  if (threadIdx.x < n) assert(x[threadIdx.x] > 0);
}

}  // namespace

void collatz(int* steps, int n) { collatz_kernel<<<(n + 63) / 64, 64>>>(steps, n); }

void choose(int* y, const int* x, int n) { choose_kernel<<<1, n>>>(y, x, n); }

void call_functions(float* y, const float* x, int n) { call_functions_kernel<<<1, n>>>(y, x, n); }

void use_local_array(float* y, int n) { use_local_array_kernel<<<1, n>>>(y, n); }

void wide_integers(long long* y, const long long* x, int n) {
  wide_integers_kernel<<<1, n>>>(y, x, n);
}

void fill(float* y, int n, float value) { fill_kernel<<<(n + 63) / 64, 64>>>(y, n, value); }

void assert_positive(const int* x, int n) { assert_positive_kernel<<<1, n>>>(x, n); }

}  // namespace tokenwerk::emulator::kernels
