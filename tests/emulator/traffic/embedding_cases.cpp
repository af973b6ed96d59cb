#include "core/ops/embedding.h"

#include <cmath>

#include "core/ops/rope.h"
#include "tests/emulator/traffic/cases.h"

namespace tokenwerk::traffic {
namespace {

constexpr double sector = 32.0;

/// What finding each table row's rows of the batch moves: two passes of a sort by 8 bits, a search
/// for every row of the table, and the ends of its run for every warp that sums it (a thread has 4
/// columns, a block 128 threads).
double order_overhead(const Extents& e) {
  const auto rows = static_cast<double>(e.rows), table = static_cast<double>(e.vocabulary);
  const double warps = std::ceil(static_cast<double>(e.width) / 512.0) * 4.0;
  return 2 * rows * 88.0 + table * 16.0 + table * warps * 2 * sector;
}

/// Tokens that are all different (the step is odd, the vocabulary a multiple of 32).
constexpr Index token_step = 31;

void measure_tokens(Meter& meter, const Extents& e, DType dtype) {
  const DType sums = accumulation_type(dtype);
  const double array = bytes_of(dtype, e.rows * e.width), ids = bytes_of(DType::i32, e.rows);
  const auto rows = static_cast<double>(e.rows);
  const std::string what = operands(dtype, e.rows, e.width);
  const Tensor y = meter.filled(dtype, Shape{e.rows, e.width}),
               tokens = meter.indices(e.rows, token_step, e.vocabulary),
               table = meter.filled(dtype, Shape{e.vocabulary, e.width}),
               dtable = meter.filled(sums, Shape{e.vocabulary, e.width});
  meter.measure({.operation = "embedding_forward",
                 .operands = what,
                 .least = 2 * array + ids,  // rows of the table, tokens; y
                 .more = rows * sector * std::ceil(bytes_of(dtype, e.width) / 512.0) - ids,
                 .reason = "the token for every warp of its row",
                 .run = [&](Stream& s) { embedding_forward(s, y, tokens, table); }});
  for (const Write write : {Write::overwrite, Write::accumulate}) {
    const bool adds = write == Write::accumulate;
    // Gradients are read and written for the rows that tokens name, all different; or all written.
    const double gradients =
        adds ? 2 * bytes_of(sums, e.rows * e.width) : bytes_of(sums, e.vocabulary * e.width);
    meter.measure({.operation = adds ? "embedding_backward +=" : "embedding_backward",
                   .operands = what,
                   .least = array + ids + gradients,  // dy, tokens; dtable
                   .more = order_overhead(e),
                   .reason = "the sort, and a run's ends for every warp, from the caches",
                   .run = [&](Stream& s) { embedding_backward(s, dtable, y, tokens, write); }});
  }
}

void measure_positions(Meter& meter, const Extents& e, DType dtype) {
  const DType sums = accumulation_type(dtype);
  const double array = bytes_of(dtype, e.rows * e.width);
  const Positions positions{.rows_per_sequence = e.sequence};
  const std::string what = operands(dtype, e.rows, e.width);
  const Tensor y = meter.filled(dtype, Shape{e.rows, e.width}),
               table = meter.filled(dtype, Shape{e.sequence, e.width}),
               dtable = meter.filled(sums, Shape{e.sequence, e.width});
  meter.measure({.operation = "position_embedding_forward",
                 .operands = what,
                 .least = 2 * array + bytes_of(dtype, e.sequence * e.width),  // y, table; y
                 .run = [&](Stream& s) { position_embedding_forward(s, y, table, positions); }});
  meter.measure({.operation = "position_embedding_backward",
                 .operands = what,
                 .least = array + bytes_of(sums, e.sequence * e.width),  // dy; dtable
                 .run = [&](Stream& s) {
                   position_embedding_backward(s, dtable, y, positions, Write::overwrite);
                 }});
}

void measure_rope(Meter& meter, const Extents& e, DType dtype) {
  constexpr Index head_size = 64, heads_of_thread = 4;
  const DType sums = accumulation_type(dtype);
  const Rope rope{.head_size = head_size, .rows_per_sequence = e.sequence};
  const Tensor x = meter.filled(dtype, Shape{e.rows, e.width});
  rope_forward(meter.stream(), x, rope);  // makes the table
  const double table = bytes_of(sums, e.sequence * head_size);
  const Index groups = e.width / head_size / heads_of_thread;
  meter.measure({.operation = "rope_forward",
                 .operands = operands(dtype, e.rows, e.width),
                 .least = 2 * bytes_of(dtype, e.rows * e.width) + table,  // x, turns; x
                 .more = bytes_of(sums, e.rows * groups * head_size) - table,
                 .reason = "a row of turns for every 4 heads, from the caches",
                 .run = [&](Stream& s) { rope_forward(s, x, rope); }});
}

}  // namespace

void measure_embeddings(Meter& meter, const Extents& e, DType dtype) {
  measure_tokens(meter, e, dtype);
  measure_positions(meter, e, dtype);
  measure_rope(meter, e, dtype);
}

}  // namespace tokenwerk::traffic
