#include "tests/emulator/cublaslt/elements.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bit>
#include <cmath>
#include <cstring>

namespace tokenwerk::emulator {
namespace {

float to_value(__nv_bfloat16 value) { return __bfloat162float(value); }
float to_value(__half value) { return __half2float(value); }
float to_value(float value) { return value; }
double to_value(double value) { return value; }

void to_element(float value, __nv_bfloat16& out) { out = __float2bfloat16(value); }
void to_element(float value, __half& out) { out = __float2half(value); }
void to_element(float value, float& out) { out = value; }
void to_element(double value, double& out) { out = value; }

template <typename Element, typename Value>
void load_elements(const std::byte* first, std::int64_t stride, std::int64_t count, Value* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    Element element;
    std::memcpy(&element, first + i * stride * static_cast<std::int64_t>(sizeof element),
                sizeof element);
    out[i] = to_value(element);
  }
}

template <typename Element, typename Value>
void store_elements(const Value* in, std::int64_t count, std::byte* first, std::int64_t stride) {
  for (std::int64_t i = 0; i < count; ++i) {
    Element element;
    to_element(in[i], element);
    std::memcpy(first + i * stride * static_cast<std::int64_t>(sizeof element), &element,
                sizeof element);
  }
}

}  // namespace

std::size_t bytes_of(cudaDataType type) {
  switch (type) {
    case CUDA_R_64F: return 8;
    case CUDA_R_32F: return 4;
    case CUDA_R_16F:
    case CUDA_R_16BF: return 2;
    default: return 0;
  }
}

const char* name_of(cudaDataType type) {
  switch (type) {
    case CUDA_R_64F: return "float64";
    case CUDA_R_32F: return "float32";
    case CUDA_R_16F: return "float16";
    case CUDA_R_16BF: return "bfloat16";
    default: return "another type";
  }
}

void load(const std::byte* first, cudaDataType type, std::int64_t stride, std::int64_t count,
          float* out) {
  switch (type) {
    case CUDA_R_16BF: return load_elements<__nv_bfloat16>(first, stride, count, out);
    case CUDA_R_16F: return load_elements<__half>(first, stride, count, out);
    default: return load_elements<float>(first, stride, count, out);
  }
}

void load(const std::byte* first, cudaDataType, std::int64_t stride, std::int64_t count,
          double* out) {
  load_elements<double>(first, stride, count, out);
}

void store(const float* in, std::int64_t count, std::byte* first, cudaDataType type,
           std::int64_t stride) {
  switch (type) {
    case CUDA_R_16BF: return store_elements<__nv_bfloat16>(in, count, first, stride);
    case CUDA_R_16F: return store_elements<__half>(in, count, first, stride);
    default: return store_elements<float>(in, count, first, stride);
  }
}

void store(const double* in, std::int64_t count, std::byte* first, cudaDataType,
           std::int64_t stride) {
  store_elements<double>(in, count, first, stride);
}

float round_to_tf32(float value) {
  if (!std::isfinite(value)) return value;
  constexpr std::uint32_t half = 0x1000;
  constexpr std::uint32_t kept = 0xffffe000;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + half) & kept);
}

}  // namespace tokenwerk::emulator
