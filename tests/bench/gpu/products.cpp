#include <fmt/core.h>

#include "core/ops/matmul.h"
#include "launch/data_sheet.h"
#include "tests/bench/gpu/best_product.h"

namespace tokenwerk::bench {
namespace {

/// Which side of a product a GELU stands on, that it may be fused with.
enum class Gelu { none, behind, before };

/// A product of a layer: N rows, C inputs, F outputs.
struct Layer {
  const char* name;
  Index rows, inputs, outputs;
  DType output = DType::bf16;  ///< of the forward pass; logits are f32
  Gelu gelu = Gelu::none;
};

constexpr Layer layers[] = {
    {"gpt2-124m qkv", 8192, 768, 2304},
    {"gpt2-124m out", 8192, 768, 768},
    {"gpt2-124m up", 8192, 768, 3072, DType::bf16, Gelu::behind},
    {"gpt2-124m down", 8192, 3072, 768, DType::bf16, Gelu::before},
    {"gpt2-124m head", 2048, 768, 50304, DType::f32},
    {"gpt2-1.5b qkv", 8192, 1600, 4800},
    {"gpt2-1.5b out", 8192, 1600, 1600},
    {"gpt2-1.5b up", 8192, 1600, 6400, DType::bf16, Gelu::behind},
    {"gpt2-1.5b down", 8192, 6400, 1600, DType::bf16, Gelu::before},
    {"gpt2-1.5b head", 2048, 1600, 50304, DType::f32},
    {"llama3-8b qkv", 8192, 4096, 6144},
    {"llama3-8b out", 8192, 4096, 4096},
    {"llama3-8b gate+up", 8192, 4096, 28672},
    {"llama3-8b down", 8192, 14336, 4096},
    {"llama3-8b head", 2048, 4096, 128256, DType::f32},
};

/// One line: ours, the best of cuBLASLt, the data sheet.
struct Line {
  const Layer* layer;
  const char* product;
  double flops;
  std::optional<double> peak;
};

void report(const Line& line, double ours, const BestProduct& best) {
  const double speed = line.flops / ours;
  const Layer& l = *line.layer;
  print_row({l.name, fmt::format("{} x {} x {}", l.rows, l.inputs, l.outputs), line.product,
             number(speed / 1e12), number(line.flops / best.seconds / 1e12),
             percent(best.seconds, ours), std::to_string(best.algorithms),
             line.peak ? percent(speed, *line.peak) : "not known"});
}

void forward(Bench& bench, Line line, const Tensor& x, const Tensor& w) {
  line.product = "forward";
  const Tensor y = bench.empty(line.layer->output, {x.shape()[0], w.shape()[0]});
  const double ours = bench.seconds([&] { matmul(bench.stream, y, x, w); });
  report(line, ours,
         best_product(bench, y, {w, cuda::Side::transposed}, {x, cuda::Side::as_stored},
                      Write::overwrite));
}

void backward_input(Bench& bench, Line line, const Tensor& dy, const Tensor& w) {
  line.product = "input gradient";
  const Tensor dx = bench.empty(DType::bf16, {dy.shape()[0], w.shape()[1]});
  const double ours = bench.seconds([&] { matmul_backward_input(bench.stream, dx, dy, w); });
  report(line, ours,
         best_product(bench, dx, {w, cuda::Side::as_stored}, {dy, cuda::Side::as_stored},
                      Write::overwrite));
}

void backward_weight(Bench& bench, Line line, const Tensor& dy, const Tensor& x) {
  line.product = "weight gradient, f32 +=";
  const Tensor dw = bench.random(DType::f32, {dy.shape()[1], x.shape()[1]});
  const double ours = bench.seconds(
      [&] { matmul_backward_weight(bench.stream, dw, dy, x, {.write = Write::accumulate}); });
  report(line, ours,
         best_product(bench, dw, {x, cuda::Side::as_stored}, {dy, cuda::Side::transposed},
                      Write::accumulate));
}

/// With the bias and GELU behind it, beside the bare product.
void forward_gelu(Bench& bench, Line line, const Tensor& x, const Tensor& w) {
  line.product = "forward, bias, GELU";
  const Shape shape{x.shape()[0], w.shape()[0]};
  const Tensor hidden = bench.empty(DType::bf16, shape), active = bench.empty(DType::bf16, shape);
  const Tensor bias = bench.random(DType::bf16, Shape{w.shape()[0]});
  const double ours = bench.seconds([&] { matmul_gelu(bench.stream, active, hidden, x, w, bias); });
  report(line, ours,
         best_product(bench, hidden, {w, cuda::Side::transposed}, {x, cuda::Side::as_stored},
                      Write::overwrite));
}

/// With the derivative of the GELU before it, beside the bare product.
void backward_input_gelu(Bench& bench, Line line, const Tensor& dy, const Tensor& w) {
  line.product = "input gradient, GELU";
  const Shape shape{dy.shape()[0], w.shape()[1]};
  const Tensor hidden = bench.random(DType::bf16, shape), dx = bench.empty(DType::bf16, shape);
  const double ours =
      bench.seconds([&] { matmul_backward_input_gelu(bench.stream, dx, dy, w, hidden); });
  report(line, ours,
         best_product(bench, dx, {w, cuda::Side::as_stored}, {dy, cuda::Side::as_stored},
                      Write::overwrite));
}

}  // namespace

void products(Bench& bench) {
  const auto peak = data_sheet_peak(bench.facts.name, DType::bf16);
  print_head("Matrix products, bf16, TFLOP/s",
             {"layer", "N x C x F", "product", "ours", "best of cuBLASLt", "ours / best",
              "algorithms tried", "of the data sheet"});
  for (const Layer& l : layers) {
    const Layer layer{l.name,
                      bench.pick(l.rows, 16),
                      bench.pick(l.inputs, 24),
                      bench.pick(l.outputs, 40),
                      l.output,
                      l.gelu};
    const Tensor x = bench.random(DType::bf16, {layer.rows, layer.inputs});
    const Tensor w = bench.random(DType::bf16, {layer.outputs, layer.inputs}, 0.02);
    const Tensor dy = bench.random(DType::bf16, {layer.rows, layer.outputs});
    const Line line{&layer, "",
                    2.0 * static_cast<double>(layer.rows * layer.inputs * layer.outputs), peak};
    forward(bench, line, x, w);
    backward_input(bench, line, dy, w);
    backward_weight(bench, line, dy, x);
    if (layer.gelu == Gelu::behind) forward_gelu(bench, line, x, w);
    if (layer.gelu == Gelu::before) backward_input_gelu(bench, line, dy, w);
  }
}

}  // namespace tokenwerk::bench
