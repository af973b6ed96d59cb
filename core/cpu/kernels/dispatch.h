#pragma once
/// From a DType to the kernel's element type: calls body(T{}) with double, float or Bf16.

#include "core/cpu/simd.h"
#include "core/dtype.h"

namespace tokenwerk::cpu::TW_ISA {

template <typename Body>
TW_INLINE auto for_type(DType dtype, Body body) {
  switch (dtype) {
    case DType::f64:
      return body(double{});
    case DType::bf16:
      return body(Bf16{});
    default:
      return body(float{});
  }
}

}  // namespace tokenwerk::cpu::TW_ISA
