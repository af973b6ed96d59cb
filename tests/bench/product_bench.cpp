/// Products in fixed order against those in fast order, at the shapes of GPT-2 small. Both run in
/// turn: `of_fast` is the fixed product's speed as a part of the fast one's, the median over all
/// turns, which a busy machine or a changing clock disturbs little.

#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/ops/matmul.h"
#include "core/ops/random.h"

namespace tokenwerk {
namespace {

enum class Product : Index { forward, backward_input, backward_weight };

/// Operands of a layer of c inputs and f outputs, and one of its three products.
class ProductBench {
 public:
  explicit ProductBench(const benchmark::State& state)
      : product_(static_cast<Product>(state.range(0))),
        n_(state.range(1)),
        c_(state.range(2)),
        f_(state.range(3)),
        dtype_(state.range(4) == 0 ? DType::f32 : DType::bf16),
        x_(normal({n_, c_})),
        w_(normal({f_, c_})),
        dy_(normal({n_, f_})),
        y_(*device_, dtype_, {n_, f_}),
        dx_(*device_, dtype_, {n_, c_}),
        dw_(*device_, DType::f32, {f_, c_}) {}

  /// Seconds of one call.
  double time(const Matmul& how) {
    const auto start = std::chrono::steady_clock::now();
    switch (product_) {
      case Product::forward: matmul(*stream_, y_, x_, w_, {}, how); break;
      case Product::backward_input: matmul_backward_input(*stream_, dx_, dy_, w_, how); break;
      case Product::backward_weight: matmul_backward_weight(*stream_, dw_, dy_, x_, how); break;
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  [[nodiscard]] double flops() const { return 2.0 * static_cast<double>(n_ * c_ * f_); }

 private:
  Tensor normal(Shape shape) {
    Tensor tensor(*device_, dtype_, shape);
    fill_normal(*stream_, tensor,
                {.seed = 1, .stream = ++drawn_, .global_columns = shape.columns()});
    return tensor;
  }

  std::unique_ptr<Device> device_ = make_device(DeviceKind::cpu);
  std::unique_ptr<Stream> stream_ = device_->make_stream();
  std::uint64_t drawn_ = 0;
  Product product_;
  Index n_, c_, f_;
  DType dtype_;
  Tensor x_, w_, dy_, y_, dx_, dw_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Arguments: product, rows, inputs, outputs, dtype (0: f32, 1: bf16), chunks, threads.
void fixed_product(benchmark::State& state) {
  omp_set_num_threads(static_cast<int>(state.range(6)));
  ProductBench bench(state);
  const Matmul fixed{.order = SumOrder::fixed, .chunks = state.range(5)};
  bench.time({});
  bench.time(fixed);
  std::vector<double> ratios, seconds;
  for (auto _ : state) {
    const double fast = bench.time({});
    seconds.push_back(bench.time(fixed));
    ratios.push_back(fast / seconds.back());
    state.SetIterationTime(seconds.back());
  }
  state.counters["of_fast"] = median(ratios);
  state.counters["gflops"] = bench.flops() / median(seconds) * 1e-9;
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  struct Layer {
    Index rows, inputs, outputs;
  };
  for (Index threads : {1, 2}) {
    for (Index dtype : {0, 1}) {
      for (const Layer& layer : {Layer{1024, 768, 2304},
                                 {1024, 768, 768},
                                 {1024, 768, 3072},
                                 {1024, 3072, 768},
                                 {80, 768, 50304}}) {
        for (Index product : {0, 1, 2}) {
          for (Index chunks : {1, 8}) {
            if (chunks == 8 && product == 2) continue;  // rows are cut by sequence, never in chunks
            benchmark->Args(
                {product, layer.rows, layer.inputs, layer.outputs, dtype, chunks, threads});
          }
        }
      }
    }
  }
  benchmark->ArgNames({"product", "n", "c", "f", "bf16", "chunks", "threads"})
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

BENCHMARK(fixed_product)->Apply(shapes);

}  // namespace
}  // namespace tokenwerk

BENCHMARK_MAIN();
