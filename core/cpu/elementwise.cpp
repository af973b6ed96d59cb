#include <cstring>

#include "core/cpu/families.h"
#include "core/cpu/kernels/elementwise.h"
#include "core/cpu/rows.h"

namespace tokenwerk::cpu {
namespace {

class CpuElementwiseOps final : public ElementwiseOps {
 public:
  void do_add(Stream&, TensorView y, ConstTensorView a, ConstTensorView b) override {
    for_runs(y.dense() && a.dense() && b.dense(), y.rows(), y.columns(),
             [&](Index r, Index c, Index n) {
               elementwise_kernels().add(y.dtype, at(y, r, c), at(a, r, c), at(b, r, c), n);
             });
  }

  void do_add_row(Stream& stream, TensorView y, ConstTensorView row) override {
    Tensor wide;  // the row in y's type
    if (row.dtype != y.dtype) {
      wide = Tensor(stream.device(), y.dtype, Shape{row.count()});
      do_convert(stream, wide, row);
      row = wide;
    }
    for_runs(false, y.rows(), y.columns(), [&](Index r, Index c, Index n) {
      elementwise_kernels().add(y.dtype, at(y, r, c), at(y, r, c), at(row, 0, c), n);
    });
  }

  void do_convert(Stream&, TensorView y, ConstTensorView x) override {
    for_runs(y.dense() && x.dense(), y.rows(), y.columns(), [&](Index r, Index c, Index n) {
      if (x.dtype == y.dtype) {
        std::memcpy(at(y, r, c), at(x, r, c), static_cast<std::size_t>(n) * size_of(y.dtype));
      } else {
        elementwise_kernels().convert(y.dtype, at(y, r, c), x.dtype, at(x, r, c), n);
      }
    });
  }

  void do_fill(Stream&, TensorView y, double value) override {
    for_runs(y.dense(), y.rows(), y.columns(), [&](Index r, Index c, Index n) {
      void* p = at(y, r, c);
      switch (y.dtype) {
        case DType::f64: std::fill_n(static_cast<double*>(p), n, value); break;
        case DType::f32: std::fill_n(static_cast<float*>(p), n, static_cast<float>(value)); break;
        case DType::bf16:
          std::fill_n(static_cast<BFloat16*>(p), n, BFloat16(static_cast<float>(value)));
          break;
        case DType::i32:
          std::fill_n(static_cast<std::int32_t*>(p), n, static_cast<std::int32_t>(value));
          break;
      }
    });
  }

  void do_scale(Stream&, TensorView y, double factor) override {
    for_runs(y.dense(), y.rows(), y.columns(), [&](Index r, Index c, Index n) {
      elementwise_kernels().scale(y.dtype, at(y, r, c), factor, n);
    });
  }

  void do_row_sums(Stream&, TensorView sums, ConstTensorView x) override {
    parallel_rows(x.rows(), x.columns(), [&](Index first, Index last) {
      for (Index r = first; r < last; ++r)
        sums.as<double>()[r] = elementwise_kernels().sum(x.dtype, at(x, r, 0), x.columns());
    });
  }

  void do_exact_add(Stream&, TensorView sum, ConstTensorView x) override {
    const std::span<double, ExactSum::stored> stored(sum.as<double>(), ExactSum::stored);
    ExactSum total(stored);
    for (Index r = 0; r < x.rows(); ++r)
      for (Index c = 0; c < x.columns(); ++c) total.add(x.as<double>()[r * x.row_stride + c]);
    total.store(stored);
  }

  void do_exact_total(Stream&, TensorView total, ConstTensorView sum) override {
    *total.as<double>() =
        ExactSum(std::span<const double, ExactSum::stored>(sum.as<double>(), ExactSum::stored))
            .total();
  }
};

}  // namespace

std::unique_ptr<ElementwiseOps> make_elementwise_ops() {
  return std::make_unique<CpuElementwiseOps>();
}

}  // namespace tokenwerk::cpu
