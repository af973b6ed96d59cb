#pragma once
/// The rows of a batch in the order of their tokens: what turns the scattered sums of an
/// embedding's gradient into sums over runs, each in the order of the rows.

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

/// Which rows of a table the tokens of a batch name.
struct TableTokens {
  const std::int32_t* tokens;
  Index rows;  ///< of the batch
  Index first_token, table_rows;
};

/// A row of the batch and the row of the table that it names, or `table_rows` where the table does
/// not hold the token.
struct alignas(8) TokenRow {
  std::int32_t table_row, row;
};

/// The batch's rows by table row and, within it, by row: those of table row v are starts[v] to
/// starts[v + 1].
struct TokenOrder {
  const TokenRow* rows;
  const std::int32_t* starts;
};

/// Elements of i32 that sorting so many rows for such a table needs as scratch.
[[nodiscard]] Index token_order_scratch(Index rows, Index table_rows);

/// Sorts in the scratch: a stable radix sort, so that no thread's pace changes the order.
[[nodiscard]] cudaError_t order_tokens(cudaStream_t, TokenOrder& order, std::int32_t* scratch,
                                       const TableTokens& tokens);

}  // namespace tokenwerk::cuda
