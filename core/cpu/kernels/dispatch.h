#pragma once
/// From a DType to the kernel's element type: calls body(T{}) with double, float or Bf16; and from
/// untyped rows to pointers of that type.

#include "core/cpu/kernels/rows.h"
#include "core/cpu/simd.h"
#include "core/dtype.h"

namespace tokenwerk::cpu::TW_ISA {

template <typename Body>
TW_INLINE auto for_type(DType dtype, Body body) {
  switch (dtype) {
    case DType::f64: return body(double{});
    case DType::bf16: return body(Bf16{});
    default: return body(float{});
  }
}

template <typename T>
TW_INLINE const T* row_of(const ConstRows& rows, Index r) {
  return static_cast<const T*>(rows.data) + r * rows.stride;
}
template <typename T>
TW_INLINE T* row_of(const MutableRows& rows, Index r) {
  return static_cast<T*>(rows.data) + r * rows.stride;
}

}  // namespace tokenwerk::cpu::TW_ISA
