#include <algorithm>
#include <cmath>

#include "core/cpu/families.h"
#include "core/cpu/kernels/optimizer.h"
#include "core/cpu/rows.h"

namespace tokenwerk::cpu {
namespace {

/// Elements whose squares are one sum; longer runs are the sum of their pieces in order.
constexpr Index piece_columns = 1 << 15;

Index pieces_of(Index columns) {
  return std::max<Index>(1, (columns + piece_columns - 1) / piece_columns);
}

/// Of piece p of the columns first .. first + columns of a row.
double squares_of_piece(const ConstTensorView& x, Index row, Index first, Index columns, Index p) {
  const Index begin = p * piece_columns;
  return optimizer_kernels().squared_norm(x.dtype, at(x, row, first + begin),
                                          std::min(piece_columns, columns - begin));
}

double scalar(const ConstTensorView& scalars, StepScalar which) {
  return scalars.as<double>()[static_cast<int>(which)];
}

void set(const TensorView& scalars, StepScalar which, double value) {
  scalars.as<double>()[static_cast<int>(which)] = value;
}

class CpuOptimizerOps final : public OptimizerOps {
 public:
  void do_adamw(Stream&, TensorView w, TensorView master, TensorView m, TensorView v,
                ConstTensorView gradient, ConstTensorView scalars, const AdamW& options) override {
    if (scalar(scalars, StepScalar::accepted) == 0.0) return;
    const double lr = scalar(scalars, StepScalar::learning_rate);
    const TensorView own = master ? master : w;
    parallel_for(w.count(), grain_elements, [&](Index first, Index last) {
      optimizer_kernels().adamw(
          {.dtype = w.dtype,
           .count = last - first,
           .w = at(w, 0, first),
           .master = at(own, 0, first),
           .m = at(m, 0, first),
           .v = at(v, 0, first),
           .gradient = at(gradient, 0, first),
           .gradient_scale = scalar(scalars, StepScalar::gradient_scale),
           .beta1 = options.beta1,
           .beta2 = options.beta2,
           .decay = lr * options.weight_decay,
           .step_size = lr / scalar(scalars, StepScalar::correction1),
           .root_correction = 1.0 / std::sqrt(scalar(scalars, StepScalar::correction2)),
           .epsilon = options.epsilon});
    });
  }

  void do_squared_norm_tiles(Stream&, TensorView squares, ConstTensorView x) override {
    const Index tiles = squares.columns();
    parallel_rows(x.rows(), x.columns(), [&](Index first, Index last) {
      for (Index i = first * tiles; i < last * tiles; ++i) {
        const Index row = i / tiles, tile = i % tiles;
        const Index begin = tile * x.columns() / tiles;
        const Index columns = (tile + 1) * x.columns() / tiles - begin;
        double sum = 0.0;
        for (Index p = 0; p < pieces_of(columns); ++p)
          sum += squares_of_piece(x, row, begin, columns, p);
        squares.as<double>()[row * squares.row_stride + tile] = sum;
      }
    });
  }

  void do_clip_by_norm(Stream&, TensorView scalars, ConstTensorView squared_norm,
                       ConstTensorView loss, const StepLimits& limits) override {
    const auto within = [](double value, double most) {
      return std::isfinite(value) && value <= most;
    };
    const double norm = std::sqrt(*squared_norm.as<double>());
    const bool accepted =
        within(norm, limits.norm) && (!loss || within(*loss.as<double>(), limits.loss));
    const bool clips = limits.clip > 0.0 && norm > limits.clip;
    set(scalars, StepScalar::gradient_norm, norm);
    set(scalars, StepScalar::accepted, accepted ? 1.0 : 0.0);
    set(scalars, StepScalar::gradient_scale, clips ? limits.clip / norm : 1.0);
  }
};

}  // namespace

std::unique_ptr<OptimizerOps> make_optimizer_ops() { return std::make_unique<CpuOptimizerOps>(); }

}  // namespace tokenwerk::cpu
