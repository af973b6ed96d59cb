#include "core/cuda/kernels/attention.h"

#include "core/cuda/arrays.h"
#include "core/cuda/cudnn_attention.h"
#include "core/cuda/families.h"
#include "core/cuda/stream.h"

namespace tokenwerk::cuda {
namespace {

AttentionExtents extents_of(const AttentionShape& shape) {
  TW_CHECK_AS(DeviceError, shape.head_size <= most_head_size, "attention: heads of ",
              shape.head_size, ", the cuda device takes at most ", most_head_size);
  return {shape.batch,        shape.heads,    shape.kv_heads,     shape.head_size,
          shape.query_length, shape.key_rows, shape.query_offset, shape.scale};
}

class CudaAttentionOps final : public AttentionOps {
 public:
  void do_attention_forward(Stream& stream, TensorView o, TensorView stats, ConstTensorView q,
                            ConstTensorView k, ConstTensorView v,
                            const AttentionShape& shape) override {
    if (cudnn_.run(stream, {q, k, v, o, stats}, shape).fast) return;
    TW_CUDA(cuda::attention_forward(handle_of(stream), array_of(o), array_of(stats), array_of(q),
                                    array_of(k), array_of(v), extents_of(shape)));
  }

  void do_attention_backward(Stream& stream, TensorView dq, TensorView dk, TensorView dv,
                             ConstTensorView dout, ConstTensorView q, ConstTensorView k,
                             ConstTensorView v, ConstTensorView o, ConstTensorView stats,
                             const AttentionShape& shape) override {
    if (cudnn_.run(stream, {q, k, v, o, stats, dout, dq, dk, dv}, shape).fast) return;
    Device& device = stream.device();
    const Tensor delta(device, stats.dtype, stats.shape);
    Tensor dk_of_heads, dv_of_heads;
    if (shape.heads != shape.kv_heads) {
      const Shape all{shape.batch * shape.key_rows, shape.heads * shape.head_size};
      dk_of_heads = Tensor(device, stats.dtype, all);
      dv_of_heads = Tensor(device, stats.dtype, all);
    }
    TW_CUDA(cuda::attention_backward(
        handle_of(stream), array_of(dq), array_of(dk), array_of(dv),
        {array_of(dout), array_of(q), array_of(k), array_of(v), array_of(o), array_of(stats)},
        {array_of(delta.view()), array_of(dk_of_heads.view()), array_of(dv_of_heads.view())},
        extents_of(shape)));
  }

 private:
  CudnnAttention cudnn_;
};

}  // namespace

std::unique_ptr<AttentionOps> make_attention_ops() { return std::make_unique<CudaAttentionOps>(); }

}  // namespace tokenwerk::cuda
