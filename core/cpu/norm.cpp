#include <cstring>

#include "core/cpu/families.h"
#include "core/cpu/kernels/elementwise.h"
#include "core/cpu/kernels/norm.h"
#include "core/cpu/rows.h"

namespace tokenwerk::cpu {
namespace {

/// Rows whose weight gradients are summed one after the other. The sums of the chunks are then
/// added in their order, so that bits do not depend on the threads.
constexpr Index chunk_rows = 64;

NormForward forward_of(TensorView y, TensorView stats, ConstTensorView x, ConstTensorView gamma,
                       ConstTensorView beta, double epsilon, Rows rows) {
  return {x.dtype,
          rows.count(),
          x.columns(),
          rows_from(y, rows.first),
          rows_from(stats, rows.first),
          rows_from(x, rows.first),
          gamma.data,
          beta.data,
          epsilon};
}

/// dgamma and, unless it is empty, dbeta: chunks of rows in parallel, then columns in parallel.
void backward_weight(Stream& stream, void (*kernel)(const NormBackwardWeight&), TensorView dgamma,
                     TensorView dbeta, ConstTensorView dy, ConstTensorView x, ConstTensorView stats,
                     Write write) {
  const DType type = dgamma.dtype;
  const Index rows = x.rows(), columns = x.columns();
  const Index chunks = (rows + chunk_rows - 1) / chunk_rows, sums = dbeta ? 2 : 1;
  const Tensor scratch(stream.device(), type, Shape{chunks, sums * columns});
  const TensorView partial = scratch;
  parallel_for(chunks, 1, [&](Index first, Index last) {
    for (Index c = first; c < last; ++c) {
      const Index row = c * chunk_rows;
      kernel({x.dtype, std::min(chunk_rows, rows - row), columns, at(partial, c, 0),
              dbeta ? at(partial, c, columns) : nullptr, rows_from(dy, row), rows_from(x, row),
              rows_from(stats, row)});
    }
  });
  const auto total = [&](TensorView sum, Index offset) {
    parallel_for(columns, 256, [&](Index first, Index last) {
      void* out = at(sum, 0, first);
      const Index n = last - first;
      if (write == Write::overwrite)
        std::memset(out, 0, static_cast<std::size_t>(n) * size_of(type));
      for (Index c = 0; c < chunks; ++c) {
        elementwise_kernels().add(type, out, out, at(partial, c, offset + first), n);
      }
    });
  };
  total(dgamma, 0);
  if (dbeta) total(dbeta, columns);
}

class CpuNormOps final : public NormOps {
 public:
  void do_layer_norm_forward(Stream&, TensorView y, TensorView stats, ConstTensorView x,
                             ConstTensorView gamma, ConstTensorView beta, double epsilon) override {
    parallel_rows(x.rows(), x.columns(), [&](Index first, Index last) {
      norm_kernels().layer_norm_forward(
          forward_of(y, stats, x, gamma, beta, epsilon, {first, last}));
    });
  }

  void do_layer_norm_backward_input(Stream&, TensorView dx, ConstTensorView dy, ConstTensorView x,
                                    ConstTensorView stats, ConstTensorView gamma,
                                    Write write) override {
    parallel_rows(x.rows(), x.columns(), [&](Index first, Index last) {
      norm_kernels().layer_norm_backward_input(
          {x.dtype, last - first, x.columns(), rows_from(dx, first), rows_from(dy, first),
           rows_from(x, first), rows_from(stats, first), gamma.data, write});
    });
  }

  void do_layer_norm_backward_weight(Stream& stream, TensorView dgamma, TensorView dbeta,
                                     ConstTensorView dy, ConstTensorView x, ConstTensorView stats,
                                     Write write) override {
    backward_weight(stream, norm_kernels().layer_norm_backward_weight, dgamma, dbeta, dy, x, stats,
                    write);
  }

  void do_rms_norm_forward(Stream&, TensorView y, TensorView stats, ConstTensorView x,
                           ConstTensorView gamma, double epsilon) override {
    parallel_rows(x.rows(), x.columns(), [&](Index first, Index last) {
      norm_kernels().rms_norm_forward(forward_of(y, stats, x, gamma, {}, epsilon, {first, last}));
    });
  }

  void do_rms_norm_backward_input(Stream&, TensorView dx, ConstTensorView dy, ConstTensorView x,
                                  ConstTensorView stats, ConstTensorView gamma,
                                  Write write) override {
    parallel_rows(x.rows(), x.columns(), [&](Index first, Index last) {
      norm_kernels().rms_norm_backward_input(
          {x.dtype, last - first, x.columns(), rows_from(dx, first), rows_from(dy, first),
           rows_from(x, first), rows_from(stats, first), gamma.data, write});
    });
  }

  void do_rms_norm_backward_weight(Stream& stream, TensorView dgamma, ConstTensorView dy,
                                   ConstTensorView x, ConstTensorView stats, Write write) override {
    backward_weight(stream, norm_kernels().rms_norm_backward_weight, dgamma, {}, dy, x, stats,
                    write);
  }
};

}  // namespace

std::unique_ptr<NormOps> make_norm_ops() { return std::make_unique<CpuNormOps>(); }

}  // namespace tokenwerk::cpu
