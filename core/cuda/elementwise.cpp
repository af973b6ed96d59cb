#include "core/cuda/kernels/elementwise.h"

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/stream.h"

namespace tokenwerk::cuda {
namespace {

class CudaElementwiseOps final : public ElementwiseOps {
 public:
  void do_add(Stream& stream, TensorView y, ConstTensorView a, ConstTensorView b) override {
    TW_CUDA(add(handle_of(stream), array_of(y), array_of(a), array_of(b)));
  }
  void do_add_row(Stream& stream, TensorView y, ConstTensorView row) override {
    TW_CUDA(add_row(handle_of(stream), array_of(y), array_of(row)));
  }
  void do_convert(Stream& stream, TensorView y, ConstTensorView x) override {
    TW_CUDA(convert(handle_of(stream), array_of(y), array_of(x)));
  }
  void do_fill(Stream& stream, TensorView y, double value) override {
    TW_CUDA(fill(handle_of(stream), array_of(y), value));
  }
  void do_scale(Stream& stream, TensorView y, double factor) override {
    TW_CUDA(scale(handle_of(stream), array_of(y), factor));
  }
  void do_row_sums(Stream& stream, TensorView sums, ConstTensorView x) override {
    TW_CUDA(row_sums(handle_of(stream), array_of(sums), array_of(x)));
  }
  void do_exact_add(Stream& stream, TensorView sum, ConstTensorView x) override {
    TW_CUDA(exact_add(handle_of(stream), array_of(sum), array_of(x)));
  }
  void do_exact_total(Stream& stream, TensorView total, ConstTensorView sum) override {
    TW_CUDA(exact_total(handle_of(stream), array_of(total), array_of(sum)));
  }
};

}  // namespace

std::unique_ptr<ElementwiseOps> make_elementwise_ops() {
  return std::make_unique<CudaElementwiseOps>();
}

}  // namespace tokenwerk::cuda
