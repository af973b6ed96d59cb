#include "core/cpu/kernels/embedding.h"

#include "core/cpu/kernels/dispatch.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

template <typename T>
TW_INLINE void add_to(Accumulator<T>* sum, const T* x, Index count) {
  for_lanes(count, [&](Index i, auto n) {
    store_first(sum + i, load_first(sum + i, n) + load_first(x + i, n), n);
  });
}

void accumulate(DType dtype, void* sum, const void* x, Index count) {
  for_type(dtype, [&]<typename T>(T) {
    add_to(static_cast<Accumulator<T>*>(sum), static_cast<const T*>(x), count);
  });
}

void scatter(DType dtype, MutableRows sums, const HeldTokens& tokens, ConstRows x, Index rows,
             Index columns) {
  for_type(dtype, [&]<typename T>(T) {
    for (Index r = 0; r < rows; ++r) {
      const Index token = tokens.ids[r];
      if (token < tokens.first || token >= tokens.last) continue;
      add_to(row_of<Accumulator<T>>(sums, token - tokens.first), row_of<T>(x, r), columns);
    }
  });
}

}  // namespace

extern const EmbeddingKernels embedding_kernels;
const EmbeddingKernels embedding_kernels = {accumulate, scatter};

}  // namespace tokenwerk::cpu::TW_ISA
