#pragma once
/// Elements of matrices: their types, and rows of them as f32 or f64.

#include <library_types.h>

#include <cstddef>
#include <cstdint>

namespace tokenwerk::emulator {

/// Bytes of one element; 0 for types that the stand-in does not know.
[[nodiscard]] std::size_t bytes_of(cudaDataType type);

/// "float32" and so on.
[[nodiscard]] const char* name_of(cudaDataType type);

/// Reads `count` elements that lie `stride` elements apart.
void load(const std::byte* first, cudaDataType type, std::int64_t stride, std::int64_t count,
          float* out);
void load(const std::byte* first, cudaDataType type, std::int64_t stride, std::int64_t count,
          double* out);

/// Writes `count` elements that lie `stride` elements apart, rounded to nearest, ties to even.
void store(const float* in, std::int64_t count, std::byte* first, cudaDataType type,
           std::int64_t stride);
void store(const double* in, std::int64_t count, std::byte* first, cudaDataType type,
           std::int64_t stride);

/// What a tensor core sees of an f32: ten bits behind the point, to nearest, ties away from zero.
[[nodiscard]] float round_to_tf32(float value);

}  // namespace tokenwerk::emulator
