#include "core/ops/matmul.h"

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/kernels/bias.h"
#include "core/cuda/products.h"
#include "core/ops/elementwise.h"

namespace tokenwerk::cuda {
namespace {

class CudaMatmulOps final : public MatmulOps {
 public:
  void do_matmul(Stream& stream, TensorView y, ConstTensorView x, ConstTensorView w,
                 ConstTensorView bias, Matmul how) override {
    product(stream, y, {w, Side::transposed}, {x, Side::as_stored}, bias, how);
  }
  void do_matmul_backward_input(Stream& stream, TensorView dx, ConstTensorView dy,
                                ConstTensorView w, Matmul how) override {
    product(stream, dx, {w, Side::as_stored}, {dy, Side::as_stored}, {}, how);
  }
  void do_matmul_backward_weight(Stream& stream, TensorView dw, ConstTensorView dy,
                                 ConstTensorView x, Matmul how) override {
    product(stream, dw, {x, Side::as_stored}, {dy, Side::transposed}, {}, how);
  }
  void do_bias_backward(Stream& stream, TensorView dbias, ConstTensorView dy, Matmul how) override {
    const Tensor partials(stream.device(), dbias.dtype,
                          Shape{column_chunks(dy.rows()), dy.columns()});
    TW_CUDA(bias_backward(handle_of(stream), array_of(dbias), array_of(partials.view()),
                          array_of(dy), how.write));
  }

 private:
  void product(Stream& stream, TensorView d, const Operand& a, const Operand& b,
               ConstTensorView bias, const Matmul& how) {
    TW_CHECK_AS(DeviceError, how.order == SumOrder::fast,
                "products of a fixed order (training.reproducible) run on the cpu device only");
    if (d.rows() == 0 || d.columns() == 0) return;
    // cuBLASLt adds a bias of the result's type, and none in f64.
    const bool fused = bias && bias.dtype == d.dtype && d.dtype != DType::f64;
    if (a.inner() > 0) {
      products_.multiply(stream, d, a, b, fused ? bias : ConstTensorView(), how.write);
      if (fused) return;
    } else if (how.write == Write::overwrite) {
      fill(stream, d, 0.0);
    }
    if (bias) add_row(stream, d, bias);
  }

  Products products_;
};

}  // namespace

std::unique_ptr<MatmulOps> make_matmul_ops() { return std::make_unique<CudaMatmulOps>(); }

}  // namespace tokenwerk::cuda
