#include "core/cpu/families.h"
#include "core/cpu/rows.h"
#include "core/normal.h"

namespace tokenwerk::cpu {
namespace {

template <typename T>
void fill_run(T* out, Index count, std::uint64_t index, const NormalFill& fill) {
  for (Index i = 0; i < count;) {
    const auto block = normal_block(fill.seed, fill.stream, index / 4);
    for (std::uint64_t lane = index % 4; lane < 4 && i < count; ++lane, ++index, ++i) {
      const double value = fill.deviation * block[lane];
      if constexpr (sizeof(T) == sizeof(double)) {
        out[i] = value;
      } else {
        out[i] = static_cast<T>(static_cast<float>(value));
      }
    }
  }
}

class CpuRandomOps final : public RandomOps {
 public:
  /// Scalar code: weights are made once, and a thread makes some 25 million a second.
  void do_fill_normal(Stream&, TensorView x, const NormalFill& fill) override {
    const bool whole_rows = x.dense() && x.columns() == fill.global_columns;
    for_runs(whole_rows, x.rows(), x.columns(), [&](Index r, Index c, Index n) {
      const auto index = static_cast<std::uint64_t>((fill.row_offset + r) * fill.global_columns +
                                                    fill.column_offset + c);
      switch (x.dtype) {
        case DType::f64: return fill_run(x.as<double>() + r * x.row_stride + c, n, index, fill);
        case DType::bf16: return fill_run(x.as<BFloat16>() + r * x.row_stride + c, n, index, fill);
        default: return fill_run(x.as<float>() + r * x.row_stride + c, n, index, fill);
      }
    });
  }
};

}  // namespace

std::unique_ptr<RandomOps> make_random_ops() { return std::make_unique<CpuRandomOps>(); }

}  // namespace tokenwerk::cpu
