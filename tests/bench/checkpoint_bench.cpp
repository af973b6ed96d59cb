/// Checkpoints: bytes a second of saving and loading, beside the least that durable writing costs
/// here (the same bytes written plainly and synced). Set TMPDIR to the file system in question.
/// What was just written is read from memory: loading shows the cost of verifying and copying.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/comm/self_communicator.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

constexpr Index columns = 1024;
constexpr Index arrays = 16;

/// A model's worth of arrays of one rank, and a place to put them.
struct Bench {
  explicit Bench(const benchmark::State& state) : shape{state.range(0) * 16, columns} {
    for (Index i = 0; i < arrays; ++i) {
      Tensor& tensor = tensors.emplace_back(*device, DType::f32, shape);
      auto* numbers = tensor.view().as<float>();
      for (Index k = 0; k < shape.count(); ++k) numbers[k] = static_cast<float>(k % 1000 + i);
      const std::string name = fmt::format("model/blocks.{}.weight", i);
      parts.push_back({name, shape, Box::whole(shape), tensor});
      targets.push_back({name, shape, Box::whole(shape), tensor});
    }
  }
  [[nodiscard]] Index bytes() const { return arrays * shape.count() * 4; }
  void save() { save_checkpoint(self, folder.path(), 1, parts, "{}"); }

  std::unique_ptr<Device> device = make_device(DeviceKind::cpu);
  SelfCommunicator self{Axis::world, *device};
  Shape shape;
  test::TemporaryFolder folder;
  std::vector<Tensor> tensors;
  std::vector<ArrayPart> parts;
  std::vector<ArrayTarget> targets;
};

void plain_write_and_sync(benchmark::State& state) {
  Bench bench(state);
  const std::filesystem::path path = bench.folder.path() / "plain";
  for (auto _ : state) {
    const FileDescriptor file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    for (const Tensor& tensor : bench.tensors)
      if (::write(file.get(), tensor.view().data, tensor.bytes()) < 0) state.SkipWithError("write");
    sync_file(path);
    remove_path(path);
  }
  state.SetBytesProcessed(state.iterations() * bench.bytes());
}

void save(benchmark::State& state) {
  Bench bench(state);
  for (auto _ : state) {
    bench.save();
    remove_path(bench.folder.path() / "step-00000001");
  }
  state.SetBytesProcessed(state.iterations() * bench.bytes());
}

void load(benchmark::State& state) {
  Bench bench(state);
  bench.save();
  for (auto _ : state) (void)load_checkpoint(bench.self, bench.folder.path(), bench.targets);
  state.SetBytesProcessed(state.iterations() * bench.bytes());
}

// The argument is the checkpoint's size in MiB.
BENCHMARK(plain_write_and_sync)->Arg(64)->Arg(512)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(save)->Arg(64)->Arg(512)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(load)->Arg(64)->Arg(512)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tokenwerk

BENCHMARK_MAIN();
