#include "core/ops/attention.h"

#include "tests/emulator/traffic/cases.h"

namespace tokenwerk::traffic {
namespace {

/// Rows of the tiles of heads of 64.
constexpr Index head_size = 64, tile = 64;

struct Heads {
  Index query, key;
};

/// Sum over the tiles of one head's queries of the keys they see, and over the tiles of its keys of
/// the queries that see them.
Index passing_rows(Index length) {
  Index rows = 0;
  for (Index first = 0; first < length; first += tile) rows += std::min(first + tile, length);
  return rows;
}

void measure_heads(Meter& meter, const Extents& e, DType dtype, const Heads& heads) {
  const Index length = e.sequence, batch = 1;
  const AttentionShape shape{batch,  heads.query, heads.key, head_size, length,
                             length, length,      0,         0.125};
  const DType sums = accumulation_type(dtype);
  const Shape of_queries{length, heads.query * head_size}, of_keys{length, heads.key * head_size};
  const Tensor q = meter.filled(dtype, of_queries), k = meter.filled(dtype, of_keys),
               v = meter.filled(dtype, of_keys), o = meter.filled(dtype, of_queries),
               dout = meter.filled(dtype, of_queries), dq = meter.filled(dtype, of_queries),
               dk = meter.filled(dtype, of_keys), dv = meter.filled(dtype, of_keys),
               stats = meter.filled(sums, Shape{batch, heads.query, length});
  const double queries = bytes_of(dtype, of_queries.count()),
               keys = bytes_of(dtype, of_keys.count()),
               statistics = bytes_of(sums, stats.shape().count()),
               passing = bytes_of(dtype, passing_rows(length) * of_queries.columns()),
               passing_statistics = bytes_of(sums, passing_rows(length) * heads.query);
  const std::string what =
      operands(dtype, length, heads.query) + "/" + std::to_string(heads.key) + "x64";
  meter.measure({.operation = "attention_forward",
                 .operands = what,
                 .least = 2 * queries + 2 * keys + statistics,  // q, k, v; o, stats
                 .more = 2 * passing - 2 * keys + 3 * statistics,
                 .reason = "keys and values for each 64 queries of a head",
                 .run = [&](Stream& s) { attention_forward(s, o, stats, q, k, v, shape); }});
  const bool grouped = heads.query != heads.key;
  const double of_heads = grouped ? 4 * bytes_of(sums, of_queries.count()) : 0.0;
  // delta reads dout and o, and writes a sector a value. dq: q, dout; dq; keys and values that pass
  // by; a sector of stats and delta each. dk, dv: k and v for each query head; dk, dv; q once and
  // dout twice as they pass by, and their stats and delta for each of 8 warps.
  const double of_delta = 2 * queries + 8 * statistics;
  const double of_dq = 3 * queries + 2 * passing + 16 * statistics;
  const double of_dk = 2 * queries + 2 * keys + 3 * passing + 2 * 8 * passing_statistics + of_heads;
  const double moved = of_delta + of_dq + of_dk;
  const double least = 4 * queries + 4 * keys + statistics;  // q, k, v, o, dout, stats; dq, dk, dv
  meter.measure({.operation = "attention_backward",
                 .operands = what,
                 .least = least,
                 .more = moved - least,
                 .reason = "tiles pass by for each 64 queries or keys of a head",
                 .run = [&](Stream& s) {
                   attention_backward(s, dq, dk, dv, dout, q, k, v, o, stats, shape);
                 }});
}

}  // namespace

void measure_attention(Meter& meter, const Extents& e, DType dtype) {
  measure_heads(meter, e, dtype, {4, 4});
  measure_heads(meter, e, dtype, {4, 2});
}

}  // namespace tokenwerk::traffic
