/// Sums over ranks: the engine's all-reduce and reduce-scatter beside MPI's own, in turns within
/// one run.
///
///     mpirun -n 2 build/bench/tests/bench/sums_bench --benchmark_filter=all_reduce
///
/// bytes_per_second is the size of the whole buffer over the time of the slowest rank; ratio is our
/// median rate over MPI's, so above 1 ours is the faster.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "parallel/comm/control.h"
#include "parallel/comm/environment.h"
#include "parallel/comm/library_collectives.h"

namespace {

using namespace tokenwerk;

/// Seconds that `body` takes on the slowest rank, all starting together.
template <typename Body>
double seconds_of(Communicator& comm, Body&& body) {
  comm.barrier();
  const auto start = std::chrono::steady_clock::now();
  body();
  const std::chrono::duration<double> mine = std::chrono::steady_clock::now() - start;
  return all_reduce(comm, mine.count(), Reduction::max);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// A sum of ours and of the library, over a buffer of so many bytes.
template <typename Ours, typename Library>
void measure(benchmark::State& state, Communicator& comm, const Ours& sum, const Library& other) {
  sum();
  other();
  std::vector<double> ours, library;
  for (auto _ : state) {
    library.push_back(seconds_of(comm, other));
    ours.push_back(seconds_of(comm, sum));
    state.SetIterationTime(ours.back());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.counters["ranks"] = comm.size();
  if (comm.size() > 1) state.counters["ratio"] = median(library) / median(ours);
}

/// Zeros of `state`'s size.
Tensor buffer(const benchmark::State& state, Device& device) {
  const Index count = state.range(0) / static_cast<Index>(sizeof(float));
  Tensor x(device, DType::f32, Shape{count});
  std::fill_n(x.view().as<float>(), count, 0.0f);
  return x;
}

void all_reduce(benchmark::State& state, Communicator& comm) {
  const auto stream = comm.device().make_stream();
  const Tensor x = buffer(state, comm.device());
  measure(
      state, comm, [&] { comm.all_reduce(*stream, x.view()); },
      [&] { library_all_reduce(comm, x.view()); });
}

void reduce_scatter(benchmark::State& state, Communicator& comm) {
  const auto stream = comm.device().make_stream();
  const Tensor x = buffer(state, comm.device());
  const Tensor y(comm.device(), DType::f32, Shape{x.view().count() / comm.size()});
  measure(
      state, comm, [&] { comm.reduce_scatter(*stream, y.view(), x.view()); },
      [&] { library_reduce_scatter(comm, y.view(), x.view()); });
}

/// The voice of ranks other than 0.
class Silence final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

}  // namespace

int main(int argc, char** argv) {
  MpiEnvironment environment;
  const auto device = make_device(DeviceKind::cpu);
  const auto comm = environment.make_world(*device);
  benchmark::Initialize(&argc, argv);
  // The number of iterations is fixed: all ranks must make as many.
  for (const auto& [name, run] :
       {std::pair{"all_reduce", &::all_reduce}, std::pair{"reduce_scatter", &::reduce_scatter}})
    benchmark::RegisterBenchmark(name,
                                 [&comm, run = run](benchmark::State& state) { run(state, *comm); })
        ->RangeMultiplier(4)
        ->Range(1 << 10, 64 << 20)
        ->Iterations(20)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  Silence silence;
  if (environment.rank() == 0)
    benchmark::RunSpecifiedBenchmarks();
  else
    benchmark::RunSpecifiedBenchmarks(&silence);
  return 0;
}
