#include <fmt/core.h>

#include "core/ops/activation.h"
#include "core/ops/elementwise.h"
#include "core/ops/embedding.h"
#include "core/ops/loss.h"
#include "core/ops/matmul.h"
#include "core/ops/norm.h"
#include "core/ops/optimizer.h"
#include "core/ops/random.h"
#include "core/ops/rope.h"
#include "tests/bench/gpu/bench.h"

namespace tokenwerk::bench {
namespace {

constexpr double bf16 = 2.0, f32 = 4.0, f64 = 8.0, i32 = 4.0;  // bytes

/// Prints a line for each kernel: the least bytes that must move, against those of a copy.
class Table {
 public:
  explicit Table(Bench& bench) : bench_(bench), copy_(measured_copy()) {
    print_head("Own kernels, GB/s of the least that must move",
               {"kernel", "elements", "us", "GB/s", "of a copy's"});
    print_row({"copy, device to device", std::to_string(count_), "-", number(copy_ / 1e9),
               percent(copy_, copy_)});
  }

  /// `least`: every input once and every result once, in bytes.
  void line(const char* kernel, Index elements, double least, const std::function<void()>& call) {
    const double seconds = bench_.seconds(call);
    print_row({kernel, std::to_string(elements), number(seconds * 1e6),
               number(least / seconds / 1e9), percent(least / seconds, copy_)});
  }

 private:
  double measured_copy() {
    count_ = bench_.pick(Index{1} << 28, 4096);
    const Tensor from = bench_.empty(DType::f32, Shape{count_});
    const Tensor to = bench_.empty(DType::f32, Shape{count_});
    fill(bench_.stream, from, 1.0);
    return 2.0 * static_cast<double>(from.bytes()) / bench_.seconds([&] {
      bench_.device.copy(bench_.stream, to.view().data, from.view().data, from.bytes());
    });
  }

  Bench& bench_;
  Index count_ = 0;
  double copy_;
};

/// Rows and columns of the activations; an array of them is larger than the caches of any GPU.
struct Extents {
  explicit Extents(const Bench& bench)
      : rows(bench.pick(16384, 8)), columns(bench.pick(8192, 64)) {}
  Index rows, columns;

  [[nodiscard]] Shape shape() const { return {rows, columns}; }
  [[nodiscard]] Index count() const { return rows * columns; }
  /// Bytes of so many a element.
  [[nodiscard]] double bytes(double each) const { return each * static_cast<double>(count()); }
};

void elementwise(Bench& b, Table& table) {
  const Extents e(b);
  const Tensor x = b.random(DType::bf16, e.shape()), z = b.random(DType::bf16, e.shape());
  const Tensor y = b.empty(DType::bf16, e.shape()), wide = b.empty(DType::f32, e.shape());
  const Tensor row = b.random(DType::bf16, Shape{e.columns});
  const Tensor sums = b.empty(DType::f64, Shape{e.rows});
  Stream& s = b.stream;
  table.line("add", e.count(), e.bytes(3 * bf16), [&] { add(s, y, x, z); });
  table.line("add_row", e.count(), e.bytes(2 * bf16), [&] { add_row(s, y, row); });
  table.line("convert bf16 to f32", e.count(), e.bytes(bf16 + f32), [&] { convert(s, wide, x); });
  table.line("fill", e.count(), e.bytes(bf16), [&] { fill(s, y, 1.0); });
  table.line("scale", e.count(), e.bytes(2 * bf16), [&] { scale(s, y, 1.0); });
  table.line("row_sums", e.count(), e.bytes(bf16), [&] { row_sums(s, sums, x); });
  table.line("fill_normal", e.count(), e.bytes(bf16), [&] { fill_normal(s, y, {.seed = 1}); });
}

void activations(Bench& b, Table& table) {
  const Extents e(b);
  const auto random = [&] { return b.random(DType::bf16, e.shape()); };
  const Tensor x = random(), gate = random(), dy = random();
  const Tensor y = b.empty(DType::bf16, e.shape()), dgate = b.empty(DType::bf16, e.shape());
  const Rope turns{.head_size = b.pick(128, 16), .rows_per_sequence = b.pick(4096, 8)};
  const Tensor dbias = b.empty(DType::f32, Shape{e.columns});
  Stream& s = b.stream;
  table.line("gelu_forward", e.count(), e.bytes(2 * bf16), [&] { gelu_forward(s, y, x); });
  table.line("gelu_backward", e.count(), e.bytes(3 * bf16), [&] { gelu_backward(s, y, dy, x); });
  table.line("swiglu_forward", e.count(), e.bytes(3 * bf16),
             [&] { swiglu_forward(s, y, gate, x); });
  table.line("swiglu_backward", e.count(), e.bytes(5 * bf16),
             [&] { swiglu_backward(s, dgate, y, dy, gate, x); });
  table.line("rope_forward", e.count(), e.bytes(2 * bf16), [&] { rope_forward(s, x, turns); });
  table.line("bias_backward", e.count(), e.bytes(bf16), [&] { bias_backward(s, dbias, dy); });
}

void norms(Bench& b, Table& table) {
  const Extents e(b);
  const Tensor x = b.random(DType::bf16, e.shape()), dy = b.random(DType::bf16, e.shape());
  const Tensor y = b.empty(DType::bf16, e.shape());
  const Tensor gamma = b.random(DType::bf16, Shape{e.columns});
  const Tensor beta = b.random(DType::bf16, Shape{e.columns});
  const Tensor pair = b.empty(DType::f32, {e.rows, 2}), one = b.empty(DType::f32, {e.rows, 1});
  const Tensor dgamma = b.empty(DType::f32, Shape{e.columns});
  const Tensor dbeta = b.empty(DType::f32, Shape{e.columns});
  Stream& s = b.stream;
  const Write write = Write::overwrite;
  table.line("layer_norm_forward", e.count(), e.bytes(2 * bf16),
             [&] { layer_norm_forward(s, y, pair, x, gamma, beta, 1e-5); });
  table.line("layer_norm_backward_input", e.count(), e.bytes(3 * bf16),
             [&] { layer_norm_backward_input(s, y, dy, x, pair, gamma, write); });
  table.line("layer_norm_backward_weight", e.count(), e.bytes(2 * bf16),
             [&] { layer_norm_backward_weight(s, dgamma, dbeta, dy, x, pair, write); });
  table.line("rms_norm_forward", e.count(), e.bytes(2 * bf16),
             [&] { rms_norm_forward(s, y, one, x, gamma, 1e-5); });
  table.line("rms_norm_backward_input", e.count(), e.bytes(3 * bf16),
             [&] { rms_norm_backward_input(s, y, dy, x, one, gamma, write); });
  table.line("rms_norm_backward_weight", e.count(), e.bytes(2 * bf16),
             [&] { rms_norm_backward_weight(s, dgamma, dy, x, one, write); });
}

void embeddings(Bench& b, Table& table) {
  const Extents e(b);
  const Index vocabulary = b.pick(50304, 40);
  const Tensor rows = b.tokens(e.rows, vocabulary);
  const Tensor words = b.random(DType::bf16, {vocabulary, e.columns});
  const Tensor dwords = b.empty(DType::f32, {vocabulary, e.columns});
  const Positions positions{.rows_per_sequence = b.pick(1024, 8)};
  const Tensor places = b.random(DType::bf16, {positions.rows_per_sequence, e.columns});
  const Tensor dplaces = b.empty(DType::f32, places.shape());
  const Tensor y = b.random(DType::bf16, e.shape());
  fill(b.stream, dwords, 0.0);
  Stream& s = b.stream;
  const double ids = i32 * static_cast<double>(e.rows);
  table.line("embedding_forward", e.count(), e.bytes(2 * bf16) + ids,
             [&] { embedding_forward(s, y, rows, words); });
  // Rows of few repeats: each is read, added to and written.
  table.line("embedding_backward +=", e.count(), e.bytes(bf16 + 2 * f32) + ids,
             [&] { embedding_backward(s, dwords, y, rows, Write::accumulate); });
  table.line("position_embedding_forward", e.count(), e.bytes(2 * bf16),
             [&] { position_embedding_forward(s, y, places, positions); });
  table.line("position_embedding_backward", e.count(),
             e.bytes(bf16) + f32 * static_cast<double>(dplaces.shape().count()),
             [&] { position_embedding_backward(s, dplaces, y, positions, Write::overwrite); });
}

void loss(Bench& b, Table& table) {
  const Index rows = b.pick(4096, 8), vocabulary = b.pick(50304, 40);
  const Tensor logits = b.random(DType::f32, {rows, vocabulary});
  const Tensor dlogits = b.empty(DType::bf16, {rows, vocabulary});
  const Tensor targets = b.tokens(rows, vocabulary);
  const Tensor losses = b.empty(DType::f32, Shape{rows}), lse = b.empty(DType::f32, Shape{rows});
  const auto count = static_cast<double>(logits.shape().count());
  table.line("cross_entropy_forward", logits.shape().count(), count * f32,
             [&] { cross_entropy_forward(b.stream, losses, lse, logits, targets, vocabulary); });
  table.line("cross_entropy_backward", logits.shape().count(), count * (f32 + bf16), [&] {
    cross_entropy_backward(b.stream, dlogits, logits, lse, targets, vocabulary, 1e-3);
  });
}

void optimizer(Bench& b, Table& table) {
  const Extents e(b);
  const Tensor w = b.random(DType::bf16, e.shape()), master = b.random(DType::f32, e.shape());
  const Tensor m = b.random(DType::f32, e.shape()), v = b.empty(DType::f32, e.shape());
  const Tensor gradient = b.random(DType::f32, e.shape());
  const Tensor scalars = b.empty(DType::f64, Shape{step_scalar_count});
  const Tensor squares = b.empty(DType::f64, {e.rows, 1});
  fill(b.stream, v, 1.0);
  fill(b.stream, scalars, 1e-6);  // a step too small to move anything far
  // The gradient read; the master, m and v read and written; the bf16 copy written.
  table.line("adamw", e.count(), e.bytes(7 * f32 + bf16),
             [&] { adamw(b.stream, w, master, m, v, gradient, scalars, {}); });
  table.line("squared_norm_tiles", e.count(),
             e.bytes(f32) + f64 * static_cast<double>(squares.shape().count()),
             [&] { squared_norm_tiles(b.stream, squares, gradient); });
}

}  // namespace

void kernels(Bench& bench) {
  Table table(bench);
  elementwise(bench, table);
  activations(bench, table);
  norms(bench, table);
  embeddings(bench, table);
  loss(bench, table);
  optimizer(bench, table);
}

}  // namespace tokenwerk::bench
