#include "core/ops/matmul.h"

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/kernels/bias.h"
#include "core/cuda/products.h"
#include "core/ops/elementwise.h"

namespace tokenwerk::cuda {
namespace {

/// Whether products of this GPU take a GELU along at a gain. Before compute capability 9.0 the
/// authors of llm.c found cuBLAS slow at it (github.com/karpathy/llm.c, llmc/matmul.cuh).
bool gains_by_fused_gelu() {
  int device = 0, major = 0;
  TW_CUDA(cudaGetDevice(&device));
  TW_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  return major >= 9;
}

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

  void do_matmul_gelu(Stream& stream, TensorView active, TensorView hidden, ConstTensorView x,
                      ConstTensorView w, ConstTensorView bias, Matmul how) override {
    const auto kind = bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
    if (fuses_gelu(hidden, x.columns(), how) &&
        products_.try_multiply(stream, active, {w, Side::transposed}, {x, Side::as_stored},
                               {kind, bias, hidden}, how.write)) {
      return;
    }
    MatmulOps::do_matmul_gelu(stream, active, hidden, x, w, bias, how);
  }
  void do_matmul_backward_input_gelu(Stream& stream, TensorView dhidden, ConstTensorView dy,
                                     ConstTensorView w, ConstTensorView hidden,
                                     Matmul how) override {
    if (fuses_gelu(hidden, dy.columns(), how) &&
        products_.try_multiply(stream, dhidden, {w, Side::as_stored}, {dy, Side::as_stored},
                               {CUBLASLT_EPILOGUE_DGELU, {}, hidden}, how.write)) {
      return;
    }
    MatmulOps::do_matmul_backward_input_gelu(stream, dhidden, dy, w, hidden, how);
  }

 private:
  /// f32 and f64 keep our own GELU: how close cuBLASLt's comes to the formula is not documented.
  [[nodiscard]] bool fuses_gelu(const ConstTensorView& hidden, Index depth,
                                const Matmul& how) const {
    return gains_by_fused_gelu_ && hidden.dtype == DType::bf16 && how.order == SumOrder::fast &&
           hidden.count() > 0 && depth > 0 && Epilogue::takes(hidden);
  }

  void product(Stream& stream, TensorView d, const Operand& a, const Operand& b,
               ConstTensorView bias, const Matmul& how) {
    TW_CHECK_AS(DeviceError, how.order == SumOrder::fast,
                "products of a fixed order (training.reproducible) run on the cpu device only");
    if (d.rows() == 0 || d.columns() == 0) return;
    // cuBLASLt adds a bias of the result's type, and none in f64.
    const bool fused = bias && bias.dtype == d.dtype && d.dtype != DType::f64;
    if (a.inner() == 0) {
      if (how.write == Write::overwrite) fill(stream, d, 0.0);
    } else if (fused && products_.try_multiply(stream, d, a, b, {CUBLASLT_EPILOGUE_BIAS, bias, {}},
                                               how.write)) {
      return;
    } else {
      products_.multiply(stream, d, a, b, how.write);
    }
    if (bias) add_row(stream, d, bias);
  }

  const bool gains_by_fused_gelu_ = gains_by_fused_gelu();
  Products products_;
};

}  // namespace

std::unique_ptr<MatmulOps> make_matmul_ops() { return std::make_unique<CudaMatmulOps>(); }

}  // namespace tokenwerk::cuda
