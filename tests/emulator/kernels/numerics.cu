/// The mathematical functions of the CUDA library, and arithmetic in narrow formats.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include "tests/emulator/kernels/kernels.h"

namespace tokenwerk::emulator::kernels {
namespace {

template <typename T>
__device__ T evaluate(Function function, T x) {
  switch (function) {
    case Function::exp: return exp(x);
    case Function::log: return log(x);
    case Function::tanh: return tanh(x);
    case Function::rsqrt: return rsqrt(x);
    case Function::sin: return sin(x);
    case Function::cos: return cos(x);
    case Function::erf: return erf(x);
    case Function::sqrt: return sqrt(x);
    case Function::divide: return T(3) / x;
    case Function::pow: return pow(x, T(1.7));
    default: return x;
  }
}

template <typename T>
__global__ void apply_kernel(Function function, T* y, const T* x, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = evaluate(function, x[i]);
}

template <typename T>
__global__ void axpy_kernel(T* y, const T* x, T a, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}

__global__ void bf16_axpy_pairs_kernel(__nv_bfloat162* y, const __nv_bfloat162* x, float a, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = __hfma2(__float2bfloat162_rn(a), x[i], y[i]);
}

__global__ void f8_round_trip_kernel(float* y, const float* x, int n) {
  const int i = threadIdx.x;
  if (i < n) y[i] = static_cast<float>(__nv_fp8_e4m3(x[i]));
}

constexpr int threads = 64;
int blocks(int n) { return (n + threads - 1) / threads; }

}  // namespace

void apply(Function function, float* y, const float* x, int n) {
  apply_kernel<<<blocks(n), threads>>>(function, y, x, n);
}

void apply_double(Function function, double* y, const double* x, int n) {
  apply_kernel<<<blocks(n), threads>>>(function, y, x, n);
}

void bf16_axpy(std::uint16_t* y, const std::uint16_t* x, float a, int n) {
  axpy_kernel<<<blocks(n), threads>>>(reinterpret_cast<__nv_bfloat16*>(y),
                                      reinterpret_cast<const __nv_bfloat16*>(x),
                                      __float2bfloat16(a), n);
}

void bf16_axpy_pairs(std::uint16_t* y, const std::uint16_t* x, float a, int n) {
  bf16_axpy_pairs_kernel<<<blocks(n / 2), threads>>>(
      reinterpret_cast<__nv_bfloat162*>(y), reinterpret_cast<const __nv_bfloat162*>(x), a, n / 2);
}

void f16_axpy(std::uint16_t* y, const std::uint16_t* x, float a, int n) {
  axpy_kernel<<<blocks(n), threads>>>(reinterpret_cast<__half*>(y),
                                      reinterpret_cast<const __half*>(x), __float2half(a), n);
}

void f8_round_trip(float* y, const float* x, int n) { f8_round_trip_kernel<<<1, n>>>(y, x, n); }

}  // namespace tokenwerk::emulator::kernels
