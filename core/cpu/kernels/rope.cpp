#include "core/cpu/kernels/rope.h"

#include "core/cpu/kernels/dispatch.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

enum class Turn { forth, back };

template <Turn direction>
void turn(const RopeRow& row) {
  for_type(row.dtype, [&]<typename T>(T) {
    using A = Accumulator<T>;
    const A *cosines = static_cast<const A*>(row.cosines),
            *sines = static_cast<const A*>(row.sines);
    for (Index h = 0; h < row.heads; ++h) {
      T *low = static_cast<T*>(row.x) + h * 2 * row.half, *high = low + row.half;
      for_lanes(row.half, [&](Index i, auto n) {
        const auto a = load_first(low + i, n), b = load_first(high + i, n);
        const auto c = load_first(cosines + i, n);
        auto s = load_first(sines + i, n);
        if constexpr (direction == Turn::back) s = -s;
        store_first(low + i, a * c - b * s, n);
        store_first(high + i, b * c + a * s, n);
      });
    }
  });
}

}  // namespace

extern const RopeKernels rope_kernels;
const RopeKernels rope_kernels = {turn<Turn::forth>, turn<Turn::back>};

}  // namespace tokenwerk::cpu::TW_ISA
