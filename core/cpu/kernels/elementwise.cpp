#include "core/cpu/kernels/elementwise.h"

#include "core/cpu/kernels/dispatch.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

void add(DType dtype, void* y, const void* a, const void* b, Index count) {
  for_type(dtype, [&]<typename T>(T) {
    for_lanes(count, [&](Index i, auto n) {
      store_first(
          static_cast<T*>(y) + i,
          load_first(static_cast<const T*>(a) + i, n) + load_first(static_cast<const T*>(b) + i, n),
          n);
    });
  });
}

void scale(DType dtype, void* y, double factor, Index count) {
  for_type(dtype, [&]<typename T>(T) {
    using A = Accumulator<T>;
    T* p = static_cast<T*>(y);
    for_lanes(count, [&](Index i, auto n) {
      store_first(p + i, load_first(p + i, n) * broadcast(static_cast<A>(factor)), n);
    });
  });
}

void convert(DType to, void* y, DType from, const void* x, Index count) {
  for_type(to, [&]<typename To>(To) {
    for_type(from, [&]<typename From>(From) {
      for_lanes(count, [&](Index i, auto n) {
        const auto v = load_first(static_cast<const From*>(x) + i, n);
        store_first(static_cast<To*>(y) + i, __builtin_convertvector(v, Lanes<Accumulator<To>>), n);
      });
    });
  });
}

double sum(DType dtype, const void* x, Index count) {
  return for_type(dtype, [&]<typename T>(T) {
    F64x16 total{};
    for_lanes(count, [&](Index i, auto n) {
      total += __builtin_convertvector(load_first(static_cast<const T*>(x) + i, n), F64x16);
    });
    return sum_of(total);
  });
}

}  // namespace

extern const ElementwiseKernels elementwise_kernels;
const ElementwiseKernels elementwise_kernels = {add, scale, convert, sum};

}  // namespace tokenwerk::cpu::TW_ISA
