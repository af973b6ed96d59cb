#include "core/cuda/kernels/embedding.h"

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/stream.h"

namespace tokenwerk::cuda {
namespace {

RowPositions positions_of(const Positions& positions) {
  return {positions.rows_per_sequence, positions.token_offset, positions.first_row};
}

class CudaEmbeddingOps final : public EmbeddingOps {
 public:
  void do_embedding_forward(Stream& stream, TensorView y, ConstTensorView tokens,
                            ConstTensorView table, Index first_token) override {
    TW_CUDA(cuda::embedding_forward(handle_of(stream), array_of(y), array_of(tokens),
                                    array_of(table), first_token));
  }

  void do_embedding_backward(Stream& stream, TensorView dtable, ConstTensorView dy,
                             ConstTensorView tokens, Write write, Index first_token) override {
    const TableTokens named{tokens.as<std::int32_t>(), dy.rows(), first_token, dtable.rows()};
    const Tensor scratch(stream.device(), DType::i32,
                         {token_order_scratch(dy.rows(), dtable.rows())});
    TokenOrder order{};
    TW_CUDA(order_tokens(handle_of(stream), order, scratch.view().as<std::int32_t>(), named));
    TW_CUDA(
        cuda::embedding_backward(handle_of(stream), array_of(dtable), array_of(dy), order, write));
  }

  void do_position_embedding_forward(Stream& stream, TensorView y, ConstTensorView table,
                                     Positions positions) override {
    TW_CUDA(cuda::position_embedding_forward(handle_of(stream), array_of(y), array_of(table),
                                             positions_of(positions)));
  }
  void do_position_embedding_backward(Stream& stream, TensorView dtable, ConstTensorView dy,
                                      Positions positions, Write write) override {
    TW_CUDA(cuda::position_embedding_backward(handle_of(stream), array_of(dtable), array_of(dy),
                                              positions_of(positions), write));
  }
};

}  // namespace

std::unique_ptr<EmbeddingOps> make_embedding_ops() { return std::make_unique<CudaEmbeddingOps>(); }

}  // namespace tokenwerk::cuda
