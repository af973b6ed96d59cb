/// Checkpoints written and read by real processes.

#include <gtest/gtest.h>

#include <optional>

#include "parallel/checkpoint/staged_save.h"
#include "parallel/comm/control.h"
#include "parallel/comm/self_communicator.h"
#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/support/mpi_test.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

namespace fs = std::filesystem;

/// A folder that all ranks know; rank 0 makes it and removes it when all are done.
struct SharedFolder {
  explicit SharedFolder(World& all) : world(all) {
    if (world.rank() == 0) made.emplace();
    path = broadcast_string(*world.comm, made ? made->path().string() : std::string());
  }
  ~SharedFolder() { world.comm->barrier(); }
  World& world;
  std::optional<TemporaryFolder> made;
  fs::path path;
};

/// What the call threw, empty when it ended well.
std::string fault_of(const std::function<void()>& call) {
  try {
    call();
    return {};
  } catch (const CheckpointError& fault) {
    return fault.what();
  }
}

TEST(DistributedCheckpoint, ComesBackInAnyCut) {
  World world;
  const SharedFolder folder(world);
  const auto arrays = sample_arrays();
  for (int dim = 0; dim < 3; ++dim) {
    EXPECT_EQ(fault_of([&] {
                save_sample(*world.comm, folder.path, dim, arrays, {dim, dim});
              }),
              "");
    EXPECT_EQ(load_sample(*world.comm, folder.path, arrays, {0, 0}), "");
    EXPECT_EQ(load_sample(*world.comm, folder.path, arrays, {1, 3}), "");
  }
}

TEST(DistributedCheckpoint, IsReadByOneRankAndWrittenByOne) {
  World world;
  const SharedFolder folder(world);
  const auto arrays = sample_arrays();
  SelfCommunicator self(Axis::world, *world.device);
  EXPECT_EQ(fault_of([&] { save_sample(*world.comm, folder.path / "all", 1, arrays, {}); }), "");
  EXPECT_EQ(load_sample(self, folder.path / "all", arrays, {}), "");
  if (world.rank() == 0) save_sample(self, folder.path / "one", 1, arrays, {});
  world.comm->barrier();
  EXPECT_EQ(load_sample(*world.comm, folder.path / "one", arrays, {1, 0}), "");
}

void save_rows(Communicator& ranks, const fs::path& folder, Index step, Index rows,
               SavedLayout& layout) {
  const std::vector<float> values(static_cast<std::size_t>(rows), static_cast<float>(step));
  const Shape shape{rows * ranks.size()};
  const ArrayPart part{"w",
                       shape,
                       {{rows * ranks.rank()}, {rows}},
                       {values.data(), {rows}, rows, DType::f32, nullptr}};
  StagedSave save(ranks, folder, step, {&part, 1}, "{}", layout);
  save.write();
  save.gather();
  (void)save.publish();
  save.finish();
}

TEST(DistributedCheckpoint, WhatIsKeptBetweenSavesIsUsedUntilARankSavesOtherBoxes) {
  World world;
  const SharedFolder folder(world);
  SavedLayout layout;
  const StoredArray* kept = nullptr;
  for (const Index step : {1, 2, 3}) {
    const Index rows = step < 3 ? 4 : 6;
    save_rows(*world.comm, folder.path, step, rows, layout);
    EXPECT_EQ(layout.manifest.arrays.data() == kept, step == 2 || world.rank() != 0);
    kept = layout.manifest.arrays.data();
    const CheckpointSummary saved = inspect_checkpoint(folder.path / step_folder(step));
    EXPECT_EQ(saved.arrays.at(0).shape, Shape{rows * world.size()});
    EXPECT_EQ(saved.step, step);
    std::vector<float> values(static_cast<std::size_t>(rows * world.size()));
    const Shape shape{rows * world.size()};
    const ArrayTarget all{
        "w", shape, Box::whole(shape), {values.data(), shape, shape[0], DType::f32, nullptr}};
    (void)load_checkpoint(*world.comm, saved.folder, {&all, 1});
    EXPECT_EQ(values, std::vector<float>(values.size(), static_cast<float>(step)));
  }
}

TEST(DistributedCheckpoint, AFaultOfOneRankIsEveryRanks) {
  World world;
  const SharedFolder folder(world);
  const auto arrays = sample_arrays();
  const int last = world.size() - 1;
  EXPECT_EQ(fault_of([&] { save_sample(*world.comm, folder.path, 1, arrays, {}); }), "");
  const Shape shape{world.size()};
  const ArrayPart without_memory{
      "w", shape, {{world.rank()}, {1}}, {nullptr, {1}, 1, DType::f32, nullptr}};
  const float number = 1.0f;
  ArrayPart part = without_memory;
  part.value.data = &number;
  const std::string fault = fault_of([&] {
    save_checkpoint(*world.comm, folder.path, 2,
                    std::span(world.rank() == last ? &without_memory : &part, 1), "{}");
  });
  EXPECT_EQ(fault,
            last == 0 ? "w: no memory given" : fmt::format("rank {}: w: no memory given", last));
  EXPECT_EQ(latest_checkpoint(folder.path), folder.path / "step-00000001");
  if (world.rank() == 0) write_file(folder.path / "file", "");
  const std::string blocked =
      fault_of([&] { save_sample(*world.comm, folder.path / "file", 3, arrays, {}); });
  EXPECT_NE(blocked.find("cannot make this folder"), std::string::npos) << blocked;
}

TEST(DistributedCheckpoint, DamageIsFoundByWhicheverRankReadsTheFile) {
  World world;
  const SharedFolder folder(world);
  const auto arrays = sample_arrays();
  for (Index step : {1, 2})
    EXPECT_EQ(fault_of([&] { save_sample(*world.comm, folder.path, step, arrays, {}); }), "");
  const std::string name = fmt::format("rank-{:05}.h5", world.size() / 2);
  if (world.rank() == 0) {
    const fs::path file = folder.path / "step-00000002" / name;
    std::string bytes = read_file(file);
    bytes[bytes.size() / 2] ^= 1;
    write_file(file, bytes);
  }
  world.comm->barrier();
  const Targets targets = make_targets(arrays, {1, 0}, world.rank(), world.size());
  const std::string fault =
      fault_of([&] { (void)load_checkpoint(*world.comm, folder.path, targets.targets); });
  EXPECT_NE(fault.find(name + " is damaged"), std::string::npos) << fault;
  const auto state = resume_checkpoint(*world.comm, folder.path, targets.targets);
  EXPECT_EQ(state ? state->step : -1, 1);
  EXPECT_EQ(differences(arrays, targets), "");
}

}  // namespace
}  // namespace tokenwerk::test
