/// Matrix products, attention and the loss on one core of the cpu device: rates against the core's
/// own time, so that a busy machine disturbs them little. `--benchmark_filter=` picks some.

#include <benchmark/benchmark.h>
#include <omp.h>

#include <cmath>

#include "core/ops/attention.h"
#include "core/ops/elementwise.h"
#include "core/ops/loss.h"
#include "core/ops/matmul.h"
#include "core/ops/random.h"

namespace tokenwerk {
namespace {

struct Bench {
  std::unique_ptr<Device> device = make_device(DeviceKind::cpu);
  std::unique_ptr<Stream> stream = device->make_stream();

  Bench() { omp_set_num_threads(1); }

  Tensor normal(DType dtype, Shape shape) {
    Tensor tensor(*device, dtype, shape);
    fill_normal(*stream, tensor,
                {.seed = 1, .stream = ++drawn_, .global_columns = shape.columns()});
    return tensor;
  }

 private:
  std::uint64_t drawn_ = 0;
};

void set_flops(benchmark::State& state, double flops) {
  state.counters["FLOPS"] = benchmark::Counter(flops * static_cast<double>(state.iterations()),
                                               benchmark::Counter::kIsRate);
}

DType dtype_of_argument(Index argument) { return argument == 0 ? DType::f32 : DType::bf16; }

/// Arguments: rows, inputs, outputs, dtype (0: f32, 1: bf16).
void forward_product(benchmark::State& state) {
  Bench bench;
  const Index n = state.range(0), c = state.range(1), f = state.range(2);
  const DType dtype = dtype_of_argument(state.range(3));
  const Tensor x = bench.normal(dtype, {n, c}), w = bench.normal(dtype, {f, c});
  const Tensor bias = bench.normal(dtype, {f}), y(*bench.device, dtype, {n, f});
  for (auto _ : state) matmul(*bench.stream, y, x, w, bias);
  set_flops(state, 2.0 * static_cast<double>(n * c * f));
}

void weight_gradient(benchmark::State& state) {
  Bench bench;
  const Index n = state.range(0), c = state.range(1), f = state.range(2);
  const DType dtype = dtype_of_argument(state.range(3));
  const Tensor x = bench.normal(dtype, {n, c}), dy = bench.normal(dtype, {n, f});
  const Tensor dw(*bench.device, DType::f32, {f, c});
  for (auto _ : state) matmul_backward_weight(*bench.stream, dw, dy, x);
  set_flops(state, 2.0 * static_cast<double>(n * c * f));
}

/// Arguments: query rows, head size, dtype. Four sequences of eight heads in one (N, 3C) buffer.
struct AttentionBench : Bench {
  explicit AttentionBench(const benchmark::State& state)
      : length(state.range(0)),
        size(state.range(1)),
        dtype(dtype_of_argument(state.range(2))),
        shape{4, 8, 8, size, length, length, length, 0, 1.0 / std::sqrt(static_cast<double>(size))},
        qkv(normal(dtype, {4 * length, 24 * size})),
        dqkv(*device, dtype, {4 * length, 24 * size}),
        o(*device, dtype, {4 * length, 8 * size}),
        dout(normal(dtype, {4 * length, 8 * size})),
        stats(*device, DType::f32, {4, 8, length}) {}
  [[nodiscard]] ConstTensorView part(Index i) const {
    return ConstTensorView(qkv).slice_columns(i * 8 * size, 8 * size);
  }
  [[nodiscard]] TensorView gradient(Index i) const {
    return dqkv.view().slice_columns(i * 8 * size, 8 * size);
  }
  void forward() { attention_forward(*stream, o, stats, part(0), part(1), part(2), shape); }
  /// Of one product of scores, below the diagonal only.
  [[nodiscard]] double flops_of_product() const {
    return 32.0 * static_cast<double>(length * (length + 1) * size);
  }

  Index length, size;
  DType dtype;
  AttentionShape shape;
  Tensor qkv, dqkv, o, dout, stats;
};

void attention_output(benchmark::State& state) {
  AttentionBench bench(state);
  for (auto _ : state) bench.forward();
  set_flops(state, 2.0 * bench.flops_of_product());
}

void attention_gradient(benchmark::State& state) {
  AttentionBench bench(state);
  bench.forward();
  for (auto _ : state) {
    attention_backward(*bench.stream, bench.gradient(0), bench.gradient(1), bench.gradient(2),
                       bench.dout, bench.part(0), bench.part(1), bench.part(2), bench.o,
                       bench.stats, bench.shape);
  }
  set_flops(state, 5.0 * bench.flops_of_product());
}

/// Arguments: rows, vocabulary.
void cross_entropy(benchmark::State& state) {
  Bench bench;
  const Index n = state.range(0), v = state.range(1);
  const Tensor logits = bench.normal(DType::f32, {n, v}), targets(*bench.device, DType::i32, {n});
  const Tensor loss(*bench.device, DType::f32, {n}), lse(*bench.device, DType::f32, {n});
  const Tensor dlogits(*bench.device, DType::f32, {n, v});
  fill(*bench.stream, targets, 1.0);
  for (auto _ : state) {
    cross_entropy_forward(*bench.stream, loss, lse, logits, targets, v);
    cross_entropy_backward(*bench.stream, dlogits, logits, lse, targets, v, 1.0);
  }
  state.SetItemsProcessed(state.iterations() * n * v);
}

void products(benchmark::internal::Benchmark* benchmark) {
  for (Index dtype : {0, 1}) {
    for (Index width : {256, 512, 768}) benchmark->Args({2048, width, 4 * width, dtype});
  }
  benchmark->ArgNames({"n", "c", "f", "bf16"})->Unit(benchmark::kMillisecond);
}
void heads(benchmark::internal::Benchmark* benchmark) {
  for (Index dtype : {0, 1}) {
    for (Index length : {256, 1024}) {
      for (Index size : {32, 64, 128}) benchmark->Args({length, size, dtype});
    }
  }
  benchmark->ArgNames({"t", "d", "bf16"})->Unit(benchmark::kMillisecond);
}

BENCHMARK(forward_product)->Apply(products);
BENCHMARK(weight_gradient)->Apply(products);
BENCHMARK(attention_output)->Apply(heads);
BENCHMARK(attention_gradient)->Apply(heads);
BENCHMARK(cross_entropy)->ArgNames({"n", "v"})->Args({256, 4096})->Args({64, 50304});

}  // namespace
}  // namespace tokenwerk

BENCHMARK_MAIN();
