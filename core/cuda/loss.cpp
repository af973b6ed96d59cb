#include "core/cuda/kernels/loss.h"

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/stream.h"

namespace tokenwerk::cuda {
namespace {

class CudaLossOps final : public LossOps {
 public:
  void do_cross_entropy_forward(Stream& stream, TensorView loss, TensorView lse,
                                ConstTensorView logits, ConstTensorView targets,
                                Index vocabulary) override {
    TW_CUDA(cuda::cross_entropy_forward(handle_of(stream), array_of(loss), array_of(lse),
                                        array_of(logits), array_of(targets), vocabulary));
  }
  void do_cross_entropy_share(Stream& stream, TensorView partial, ConstTensorView logits,
                              ConstTensorView targets, const VocabularyShare& share) override {
    TW_CUDA(cuda::cross_entropy_share(handle_of(stream), array_of(partial), array_of(logits),
                                      array_of(targets),
                                      {share.vocabulary, share.first_column, share.chunks}));
  }
  void do_cross_entropy_combine(Stream& stream, TensorView loss, TensorView lse,
                                ConstTensorView partials, ConstTensorView targets) override {
    TW_CUDA(cuda::cross_entropy_combine(handle_of(stream), array_of(loss), array_of(lse),
                                        array_of(partials), array_of(targets), loss.count()));
  }
  void do_cross_entropy_backward(Stream& stream, TensorView dlogits, ConstTensorView logits,
                                 ConstTensorView lse, ConstTensorView targets, Index vocabulary,
                                 double scale, Index first_column) override {
    TW_CUDA(cuda::cross_entropy_backward(handle_of(stream), array_of(dlogits), array_of(logits),
                                         array_of(lse), array_of(targets),
                                         {vocabulary, first_column, 1}, scale));
  }
};

}  // namespace

std::unique_ptr<LossOps> make_loss_ops() { return std::make_unique<CudaLossOps>(); }

}  // namespace tokenwerk::cuda
