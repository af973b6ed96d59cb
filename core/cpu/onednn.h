#pragma once
/// Matrix products by oneDNN, whose header stays in one file.

#include <memory>
#include <string>

#include "core/ops/operations.h"
#include "core/tensor.h"

namespace tokenwerk::cpu {

/// A (rows, columns) window on memory with a stride for each dim, so that it may be a transpose.
struct Matrix {
  const void* data = nullptr;
  Index rows = 0;
  Index columns = 0;
  Index row_stride = 0;
  Index column_stride = 1;
  DType dtype = DType::f32;
};

/// The window itself, or its transpose.
[[nodiscard]] Matrix matrix_of(const ConstTensorView& view);
[[nodiscard]] Matrix transpose_of(const ConstTensorView& view);

/// Products c = a b + bias of f32 or bf16, with one oneDNN primitive for each combination of
/// shapes, strides, dtypes and write mode met so far: making one takes longer than a small product.
class ProductCache {
 public:
  ProductCache();
  ~ProductCache();
  ProductCache(const ProductCache&) = delete;
  ProductCache& operator=(const ProductCache&) = delete;

  /// Whether products of bf16 are faster than those of f32 on this CPU; otherwise oneDNN emulates
  /// or refuses them. Follows ONEDNN_MAX_CPU_ISA.
  [[nodiscard]] static bool has_fast_bf16();

  /// c(M,N) = a(M,K) b(K,N) + bias(N), no extent zero; bias is empty or has a's dtype. Scratch
  /// memory comes from c's device. Throws DeviceError for what oneDNN refuses.
  void multiply(TensorView c, const Matrix& a, const Matrix& b, ConstTensorView bias, Write write);

 private:
  struct Primitives;
  std::unique_ptr<Primitives> primitives_;
};

/// "2.6.3, avx512_core_bf16": the library's version and the instruction set it uses, for reports.
[[nodiscard]] std::string onednn_description();

}  // namespace tokenwerk::cpu
