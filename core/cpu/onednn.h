#pragma once
/// Matrix products by oneDNN, whose header stays in one file.

#include <memory>
#include <string>

#include "core/cpu/matrix.h"
#include "core/ops/operations.h"

namespace tokenwerk::cpu {

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
