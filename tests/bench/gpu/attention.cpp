#include "core/ops/attention.h"

#include <fmt/core.h>

#include <cmath>

#include "launch/data_sheet.h"
#include "tests/bench/gpu/bench.h"

namespace tokenwerk::bench {
namespace {

struct Heads {
  const char* model;
  Index batch, length, heads, kv_heads, head_size;
};

constexpr Heads models[] = {
    {"gpt2-124m", 8, 1024, 12, 12, 64},
    {"gpt2-1.5b", 8, 1024, 25, 25, 64},
    {"llama3-8b", 1, 8192, 32, 8, 128},
};

void measure(Bench& bench, const Heads& h, DType dtype) {
  const AttentionShape shape{.batch = h.batch,
                             .heads = h.heads,
                             .kv_heads = h.kv_heads,
                             .head_size = h.head_size,
                             .query_length = h.length,
                             .key_length = h.length,
                             .key_rows = h.length,
                             .scale = 1.0 / std::sqrt(static_cast<double>(h.head_size))};
  const Shape queries{h.batch * h.length, h.heads * h.head_size};
  const Shape keys{h.batch * h.length, h.kv_heads * h.head_size};
  const auto random = [&](const Shape& of) { return bench.random(dtype, of); };
  const auto empty = [&](const Shape& of) { return bench.empty(dtype, of); };
  const Tensor q = random(queries), k = random(keys), v = random(keys), dout = random(queries);
  const Tensor o = empty(queries), dq = empty(queries), dk = empty(keys), dv = empty(keys);
  const Tensor stats = bench.empty(DType::f32, {h.batch, h.heads, h.length});
  const double forward =
      bench.seconds([&] { attention_forward(bench.stream, o, stats, q, k, v, shape); });
  const double backward = bench.seconds(
      [&] { attention_backward(bench.stream, dq, dk, dv, dout, q, k, v, o, stats, shape); });
  // Half of the pairs of a query and a key are seen; two products forward, five backward.
  const double product = static_cast<double>(h.batch * h.heads * h.head_size) *
                         static_cast<double>(h.length) * static_cast<double>(h.length);
  const auto peak = data_sheet_peak(bench.facts.name, dtype);
  const auto row = [&](const char* pass, double flops, double seconds) {
    print_row(
        {h.model,
         fmt::format("{} x {} x {} ({}) x {}", h.batch, h.length, h.heads, h.kv_heads, h.head_size),
         std::string(name_of(dtype)), pass, number(seconds * 1e3), number(flops / seconds / 1e12),
         peak ? percent(flops / seconds, *peak) : "not known"});
  };
  row("forward", 2.0 * product, forward);
  row("backward", 5.0 * product, backward);
}

}  // namespace

void attention(Bench& bench) {
  print_head(
      "Causal attention: bf16 by cuDNN where it can, f32 by our kernel; FLOPs behind the mask",
      {"model", "B x T x H (key heads) x D", "type", "pass", "ms", "TFLOP/s", "of the data sheet"});
  for (Heads h : models) {
    h.batch = bench.pick(h.batch, 1);
    h.length = bench.pick(h.length, 16);
    if (bench.quick() && h.heads == h.kv_heads) h.heads = h.kv_heads = 2;
    for (const DType dtype : {DType::bf16, DType::f32}) measure(bench, h, dtype);
  }
}

}  // namespace tokenwerk::bench
