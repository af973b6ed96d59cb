#include "core/cpu/kernels/matmul.h"

#include "core/cpu/kernels/dispatch.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

void add_rows(DType dtype, void* sums, const void* dy, Index rows, Index row_stride,
              Index columns) {
  for_type(dtype, [&]<typename T>(T) {
    auto* out = static_cast<Accumulator<T>*>(sums);
    constexpr Index eight = 8;
    Index r = 0;
    for (; r + eight <= rows; r += eight) {
      const T* p = static_cast<const T*>(dy) + r * row_stride;
      for_lanes(columns, [&](Index i, auto n) {
        const auto row = [&](Index k) { return load_first(p + k * row_stride + i, n); };
        const auto low = (row(0) + row(1)) + (row(2) + row(3));
        const auto high = (row(4) + row(5)) + (row(6) + row(7));
        store_first(out + i, load_first(out + i, n) + (low + high), n);
      });
    }
    for (; r < rows; ++r) {
      const T* p = static_cast<const T*>(dy) + r * row_stride;
      for_lanes(columns, [&](Index i, auto n) {
        store_first(out + i, load_first(out + i, n) + load_first(p + i, n), n);
      });
    }
  });
}

}  // namespace

extern const MatmulKernels matmul_kernels;
const MatmulKernels matmul_kernels = {add_rows};

}  // namespace tokenwerk::cpu::TW_ISA
