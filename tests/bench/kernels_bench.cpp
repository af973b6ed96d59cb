/// The light operations: bytes a second, counting what each must read and write once. Next to the
/// machine's memory bandwidth (`add` of large arrays) this says how far a kernel is from the limit.

#include <benchmark/benchmark.h>

#include <vector>

#include "core/ops/activation.h"
#include "core/ops/elementwise.h"
#include "core/ops/norm.h"
#include "core/ops/optimizer.h"
#include "core/ops/random.h"
#include "core/ops/rope.h"

namespace tokenwerk {
namespace {

/// A device, and arrays of random numbers on it.
struct Bench {
  std::unique_ptr<Device> device = make_device(DeviceKind::cpu);
  std::unique_ptr<Stream> stream = device->make_stream();

  Tensor random(DType dtype, Shape shape) {
    Tensor out(*device, dtype, shape);
    const NormalFill normal{.seed = 1, .stream = draws_++, .global_columns = shape.columns()};
    fill_normal(*stream, out, normal);
    return out;
  }

 private:
  std::uint64_t draws_ = 0;
};

/// The arguments of most cases: rows, columns, dtype.
struct Case {
  explicit Case(const benchmark::State& state)
      : shape{state.range(0), state.range(1)}, dtype(static_cast<DType>(state.range(2))) {}
  Shape shape;
  DType dtype;
};

/// `elements` of each row were read or written, each of the case's dtype.
void report(benchmark::State& state, const Case& c, Index elements) {
  const Index bytes = c.shape.count() * elements * static_cast<Index>(size_of(c.dtype));
  state.SetBytesProcessed(state.iterations() * bytes);
  state.SetLabel(std::string(name_of(c.dtype)));
}

void add(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor a = bench.random(c.dtype, c.shape), b = bench.random(c.dtype, c.shape);
  const Tensor y(*bench.device, c.dtype, c.shape);
  for (auto _ : state) add(*bench.stream, y, a, b);
  report(state, c, 3);
}

void sums(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor x = bench.random(c.dtype, c.shape);
  const Tensor total(*bench.device, DType::f64, {x.view().rows()});
  for (auto _ : state) row_sums(*bench.stream, total, x);
  report(state, c, 1);
}

void layer_norm(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor x = bench.random(c.dtype, c.shape), y(*bench.device, c.dtype, c.shape);
  const Tensor gamma = bench.random(c.dtype, {c.shape[1]}),
               beta = bench.random(c.dtype, {c.shape[1]});
  const Tensor stats(*bench.device, DType::f32, {c.shape[0], 2});
  for (auto _ : state) layer_norm_forward(*bench.stream, y, stats, x, gamma, beta, 1e-5);
  report(state, c, 2);
}

void layer_norm_dx(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor x = bench.random(c.dtype, c.shape), dy = bench.random(c.dtype, c.shape);
  const Tensor gamma = bench.random(c.dtype, {c.shape[1]}), dx(*bench.device, c.dtype, c.shape);
  const Tensor stats = bench.random(DType::f32, {c.shape[0], 2});
  for (auto _ : state) {
    layer_norm_backward_input(*bench.stream, dx, dy, x, stats, gamma, Write::overwrite);
  }
  report(state, c, 3);
}

void layer_norm_dw(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor x = bench.random(c.dtype, c.shape), dy = bench.random(c.dtype, c.shape);
  const Tensor stats = bench.random(DType::f32, {c.shape[0], 2});
  const Tensor dgamma = bench.random(DType::f32, {c.shape[1]});
  const Tensor dbeta = bench.random(DType::f32, {c.shape[1]});
  for (auto _ : state) {
    layer_norm_backward_weight(*bench.stream, dgamma, dbeta, dy, x, stats, Write::accumulate);
  }
  report(state, c, 2);
}

void gelu(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor x = bench.random(c.dtype, c.shape), y(*bench.device, c.dtype, c.shape);
  for (auto _ : state) gelu_forward(*bench.stream, y, x);
  report(state, c, 2);
}

void gelu_dx(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor x = bench.random(c.dtype, c.shape), dy = bench.random(c.dtype, c.shape);
  const Tensor dx(*bench.device, c.dtype, c.shape);
  for (auto _ : state) gelu_backward(*bench.stream, dx, dy, x);
  report(state, c, 3);
}

void swiglu(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor gate = bench.random(c.dtype, c.shape), up = bench.random(c.dtype, c.shape);
  const Tensor y(*bench.device, c.dtype, c.shape);
  for (auto _ : state) swiglu_forward(*bench.stream, y, gate, up);
  report(state, c, 3);
}

void rope(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor x = bench.random(c.dtype, c.shape);
  const Rope turns{.head_size = 64, .rows_per_sequence = 512};
  for (auto _ : state) rope_forward(*bench.stream, x, turns);
  report(state, c, 2);
}

void adamw(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor w = bench.random(c.dtype, c.shape), gradient = bench.random(DType::f32, c.shape);
  const Tensor m = bench.random(DType::f32, c.shape), v(*bench.device, DType::f32, c.shape);
  Tensor master;
  if (c.dtype == DType::bf16) master = bench.random(DType::f32, c.shape);
  const Tensor scalars(*bench.device, DType::f64, {step_scalar_count});
  fill(*bench.stream, v, 1.0);
  fill(*bench.stream, scalars, 1e-6);  // a step too small to move anything far
  for (auto _ : state) tokenwerk::adamw(*bench.stream, w, master, m, v, gradient, scalars, {});
  // gradient read; weights, m and v read and written; bf16: the copy written.
  const Index bytes = c.shape.count() * (7 * 4 + (master ? 2 : 0));
  state.SetBytesProcessed(state.iterations() * bytes);
  state.SetLabel(std::string(name_of(c.dtype)));
}

void squared_norm(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor x = bench.random(c.dtype, c.shape);
  const Tensor total(*bench.device, DType::f64, {x.view().rows(), 1});
  for (auto _ : state) squared_norm_tiles(*bench.stream, total, x);
  report(state, c, 1);
}

void fill_normal(benchmark::State& state) {
  Bench bench;
  const Case c(state);
  const Tensor x(*bench.device, c.dtype, c.shape);
  const NormalFill normal{.seed = 1, .global_columns = c.shape.columns()};
  for (auto _ : state) fill_normal(*bench.stream, x, normal);
  report(state, c, 1);
}

/// An activation of (rows, columns) in both training dtypes.
void activations(benchmark::internal::Benchmark* benchmark) {
  for (DType dtype : {DType::f32, DType::bf16}) {
    for (Index columns : {256, 768}) benchmark->Args({4096, columns, static_cast<Index>(dtype)});
  }
  benchmark->UseRealTime()->Unit(benchmark::kMicrosecond);
}

/// The flat arrays of a model of some size.
void weights(benchmark::internal::Benchmark* benchmark) {
  for (DType dtype : {DType::f32, DType::bf16}) {
    benchmark->Args({4096, 2048, static_cast<Index>(dtype)});
  }
  benchmark->UseRealTime()->Unit(benchmark::kMicrosecond);
}

BENCHMARK(add)->Apply(activations)->Apply(weights);
BENCHMARK(sums)->Apply(activations);
BENCHMARK(layer_norm)->Apply(activations);
BENCHMARK(layer_norm_dx)->Apply(activations);
BENCHMARK(layer_norm_dw)->Apply(activations);
BENCHMARK(gelu)->Apply(activations);
BENCHMARK(gelu_dx)->Apply(activations);
BENCHMARK(swiglu)->Apply(activations);
BENCHMARK(rope)->Apply(activations);
BENCHMARK(adamw)->Apply(weights);
BENCHMARK(squared_norm)->Apply(weights);
BENCHMARK(fill_normal)->Apply(weights);

}  // namespace
}  // namespace tokenwerk

BENCHMARK_MAIN();
