#include <cstring>

#include "core/cpu/families.h"
#include "core/cpu/kernels/elementwise.h"
#include "core/cpu/kernels/embedding.h"
#include "core/cpu/rows.h"

namespace tokenwerk::cpu {
namespace {

constexpr Index grain_columns = 64;  // a few cache lines of each row a thread

void clear(TensorView y) {
  for_runs(y.dense(), y.rows(), y.columns(), [&](Index r, Index c, Index n) {
    std::memset(at(y, r, c), 0, static_cast<std::size_t>(n) * size_of(y.dtype));
  });
}

class CpuEmbeddingOps final : public EmbeddingOps {
 public:
  void do_embedding_forward(Stream&, TensorView y, ConstTensorView tokens, ConstTensorView table,
                            Index first_token) override {
    const std::int32_t* token = tokens.as<std::int32_t>();
    const std::size_t bytes = static_cast<std::size_t>(y.columns()) * size_of(y.dtype);
    parallel_rows(y.rows(), y.columns(), [&](Index first, Index last) {
      for (Index r = first; r < last; ++r) {
        const Index row = token[r] - first_token;
        if (row >= 0 && row < table.rows()) {
          std::memcpy(at(y, r, 0), at(table, row, 0), bytes);
        } else {
          std::memset(at(y, r, 0), 0, bytes);
        }
      }
    });
  }

  /// Threads share the columns, so that each sum takes the rows in their order.
  void do_embedding_backward(Stream&, TensorView dtable, ConstTensorView dy, ConstTensorView tokens,
                             Write write, Index first_token) override {
    if (write == Write::overwrite) clear(dtable);
    parallel_for(dy.columns(), grain_columns, [&](Index first, Index last) {
      embedding_kernels().scatter(
          dy.dtype, {at(dtable, 0, first), dtable.row_stride},
          {tokens.as<std::int32_t>(), first_token, first_token + dtable.rows()},
          {at(dy, 0, first), dy.row_stride}, dy.rows(), last - first);
    });
  }

  void do_position_embedding_forward(Stream&, TensorView y, ConstTensorView table,
                                     Positions positions) override {
    parallel_rows(y.rows(), y.columns(), [&](Index first, Index last) {
      for (Index r = first; r < last; ++r) {
        const Index position =
            positions.token_offset + (positions.first_row + r) % positions.rows_per_sequence;
        elementwise_kernels().add(y.dtype, at(y, r, 0), at(y, r, 0), at(table, position, 0),
                                  y.columns());
      }
    });
  }

  /// Threads share the positions; each adds the sequences in their order.
  void do_position_embedding_backward(Stream&, TensorView dtable, ConstTensorView dy,
                                      Positions positions, Write write) override {
    if (write == Write::overwrite) clear(dtable);
    const Index length = positions.rows_per_sequence;
    const Index before = positions.first_row % length;
    const Index sequences = (dy.rows() + length - 1) / length;
    parallel_rows(length, sequences * dy.columns(), [&](Index first, Index last) {
      for (Index t = first; t < last; ++t) {
        for (Index r = (t - before + length) % length; r < dy.rows(); r += length) {
          embedding_kernels().accumulate(dy.dtype, at(dtable, positions.token_offset + t, 0),
                                         at(dy, r, 0), dy.columns());
        }
      }
    });
  }
};

}  // namespace

std::unique_ptr<EmbeddingOps> make_embedding_ops() { return std::make_unique<CpuEmbeddingOps>(); }

}  // namespace tokenwerk::cpu
