#include "core/ops/embedding.h"

namespace tokenwerk {
namespace {

EmbeddingOps& family(Stream& stream) { return *stream.device().operations().embedding; }

void check_positions(std::string_view operation, Index rows, Index table_rows,
                     const Positions& positions) {
  TW_CHECK_AS(ShapeError, positions.rows_per_sequence > 0 && positions.first_row >= 0, operation,
              ": ", rows, " rows from row ", positions.first_row, " on of sequences of ",
              positions.rows_per_sequence);
  TW_CHECK_AS(ShapeError,
              positions.token_offset >= 0 &&
                  positions.token_offset + positions.rows_per_sequence <= table_rows,
              operation, ": positions ", positions.token_offset, " to ",
              positions.token_offset + positions.rows_per_sequence, " of a table of ", table_rows);
}

void check_first(std::string_view operation, Index first_token) {
  TW_CHECK_AS(ShapeError, first_token >= 0, operation, ": a table from token ", first_token, " on");
}

}  // namespace

void embedding_forward(Stream& stream, TensorView y, ConstTensorView tokens, ConstTensorView table,
                       Index first_token) {
  check_vector(tokens, "embedding_forward", "tokens", y.rows(), DType::i32);
  check_matrix(table, "embedding_forward", "table", table.rows(), y.columns(), y.dtype);
  check_first("embedding_forward", first_token);
  family(stream).do_embedding_forward(stream, y, tokens, table, first_token);
}

void embedding_backward(Stream& stream, TensorView dtable, ConstTensorView dy,
                        ConstTensorView tokens, Write write, Index first_token) {
  check_vector(tokens, "embedding_backward", "tokens", dy.rows(), DType::i32);
  check_matrix(dtable, "embedding_backward", "dtable", dtable.rows(), dy.columns(),
               accumulation_type(dy.dtype));
  check_first("embedding_backward", first_token);
  family(stream).do_embedding_backward(stream, dtable, dy, tokens, write, first_token);
}

void position_embedding_forward(Stream& stream, TensorView y, ConstTensorView table,
                                Positions positions) {
  check_matrix(table, "position_embedding_forward", "table", table.rows(), y.columns(), y.dtype);
  check_positions("position_embedding_forward", y.rows(), table.rows(), positions);
  family(stream).do_position_embedding_forward(stream, y, table, positions);
}

void position_embedding_backward(Stream& stream, TensorView dtable, ConstTensorView dy,
                                 Positions positions, Write write) {
  check_matrix(dtable, "position_embedding_backward", "dtable", dtable.rows(), dy.columns(),
               accumulation_type(dy.dtype));
  check_positions("position_embedding_backward", dy.rows(), dtable.rows(), positions);
  family(stream).do_position_embedding_backward(stream, dtable, dy, positions, write);
}

}  // namespace tokenwerk
