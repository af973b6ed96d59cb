#pragma once
/// Table look-ups for tokens and positions.

#include "core/ops/check.h"

namespace tokenwerk {

/// Where the rows of a batch stand in their sequences.
struct Positions {
  Index rows_per_sequence = 0;
  Index token_offset = 0;  ///< position of a sequence's first row
  Index first_row = 0;     ///< row of the whole batch at which the array begins
};

/// y(N,C) = table(V,C)[tokens(N)]. The table holds the tokens first_token .. first_token + V: all
/// of them, or one of several shares, which sum to the whole because other tokens give zero rows.
void embedding_forward(Stream&, TensorView y, ConstTensorView tokens, ConstTensorView table,
                       Index first_token = 0);
/// dtable(V,C)[tokens(N)] += dy(N,C), in the order of the rows whatever the threads; tokens that
/// dtable does not hold are skipped. `overwrite` clears dtable first. dtable is in
/// accumulation_type.
void embedding_backward(Stream&, TensorView dtable, ConstTensorView dy, ConstTensorView tokens,
                        Write write, Index first_token = 0);

/// y(N,C) += table(T,C)[position of each row].
void position_embedding_forward(Stream&, TensorView y, ConstTensorView table, Positions positions);
/// dtable(T,C)[position] += dy(N,C), in the order of the rows; `overwrite` clears dtable first.
void position_embedding_backward(Stream&, TensorView dtable, ConstTensorView dy,
                                 Positions positions, Write write);

class EmbeddingOps {
 public:
  virtual ~EmbeddingOps() = default;
  virtual void do_embedding_forward(Stream&, TensorView y, ConstTensorView tokens,
                                    ConstTensorView table, Index first_token) = 0;
  virtual void do_embedding_backward(Stream&, TensorView dtable, ConstTensorView dy,
                                     ConstTensorView tokens, Write write, Index first_token) = 0;
  virtual void do_position_embedding_forward(Stream&, TensorView y, ConstTensorView table,
                                             Positions positions) = 0;
  virtual void do_position_embedding_backward(Stream&, TensorView dtable, ConstTensorView dy,
                                              Positions positions, Write write) = 0;
};

}  // namespace tokenwerk
