/// Which checkpoints of a directory stay, go, count as newest, and what interrupted work leaves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>

#include "parallel/checkpoint/folder.h"
#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/parallel/checkpoint/rank_threads.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::ElementsAre;

void save(const fs::path& directory, Index step, Index salt = 0) {
  EXPECT_THAT(run_ranks(1,
                        [&](Communicator& c) {
                          save_sample(c, directory, step,
                                      {sample_array("model/w", DType::f32, {3, 2}, salt)}, {});
                        }),
              Each(""));
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory))
    names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

std::vector<Index> steps_in(const fs::path& directory) {
  std::vector<Index> steps;
  for (const fs::path& folder : list_checkpoints(directory))
    steps.push_back(step_of(folder.filename().string()).value_or(-1));
  return steps;
}

TEST(StepFolder, NamesAndStepsAreOneToOne) {
  EXPECT_EQ(step_folder(100), "step-00000100");
  EXPECT_EQ(step_of("step-00000100"), 100);
  EXPECT_EQ(step_of(step_folder(123456789012)), 123456789012);
  for (const char* other : {"step-100", "step-00000100.writing", "step-", "step--0000001",
                            "xstep-00000100", "step-0000010x", "step-000000100"})
    EXPECT_EQ(step_of(other), std::nullopt) << other;
}

TEST(Latest, IsTheNewestCompleteOne) {
  const TemporaryFolder folder;
  EXPECT_EQ(latest_checkpoint(folder.path()), std::nullopt);
  EXPECT_EQ(latest_checkpoint(folder.path() / "none"), std::nullopt);
  for (Index step : {9, 10, 200}) save(folder.path(), step);
  EXPECT_EQ(latest_checkpoint(folder.path()), folder.path() / "step-00000200");
  fs::remove(folder.path() / "step-00000200/manifest.json");
  fs::resize_file(folder.path() / "step-00000010/rank-00000.h5", 10);
  fs::create_directory(folder.path() / "step-00000300.writing");
  write_file(folder.path() / "step-00000400", "a file");
  EXPECT_EQ(latest_checkpoint(folder.path()), folder.path() / "step-00000009");
  EXPECT_EQ(resolve_checkpoint(folder.path()), folder.path() / "step-00000009");
  EXPECT_EQ(resolve_checkpoint(folder.path() / "step-00000010/"), folder.path() / "step-00000010");
}

TEST(Prune, KeepsTheNewestAndTheMarked) {
  const TemporaryFolder folder;
  for (Index step : {10, 20, 30, 40, 50, 60, 70}) save(folder.path(), step);
  prune_checkpoints(folder.path(), {.keep = 0, .keep_every = 0});
  EXPECT_EQ(steps_in(folder.path()).size(), 7u);
  prune_checkpoints(folder.path(), {.keep = 2, .keep_every = 30});
  EXPECT_THAT(steps_in(folder.path()), ElementsAre(30, 60, 70));
  prune_checkpoints(folder.path(), {.keep = 1, .keep_every = 0});
  EXPECT_THAT(names_in(folder.path()), ElementsAre("step-00000070"));
}

TEST(Prune, DamagedOnesNeitherCountNorGo) {
  const TemporaryFolder folder;
  for (Index step : {10, 20, 30, 40}) save(folder.path(), step);
  fs::remove(folder.path() / "step-00000040/manifest.json");
  fs::resize_file(folder.path() / "step-00000030/rank-00000.h5", 10);
  prune_checkpoints(folder.path(), {.keep = 1, .keep_every = 0});
  EXPECT_THAT(steps_in(folder.path()), ElementsAre(20, 30, 40));
}

/// Counts how often a file is opened.
class Opens {
 public:
  explicit Opens(const fs::path& file) : watch_(inotify_init1(IN_NONBLOCK)) {
    EXPECT_GE(inotify_add_watch(watch_.get(), file.c_str(), IN_OPEN | IN_CLOSE), 0);
  }
  /// Since the last call. The system tells equal events that follow each other once: hence those
  /// of closing between them.
  [[nodiscard]] Index count() const {
    inotify_event events[64];
    const ssize_t bytes = read(watch_.get(), events, sizeof events);
    const auto known = bytes > 0 ? static_cast<std::size_t>(bytes) / sizeof(inotify_event) : 0;
    return std::count_if(events, events + known,
                         [](const inotify_event& event) { return (event.mask & IN_OPEN) != 0; });
  }

 private:
  FileDescriptor watch_;
};

TEST(Prune, ReadsNoManifestOfWhatStaysAnyhow) {
  const TemporaryFolder folder;
  for (Index step : {10, 20, 30, 40}) save(folder.path(), step);
  const Opens marked(folder / "step-00000020/manifest.json");
  const Opens newest(folder / "step-00000040/manifest.json");
  prune_checkpoints(folder.path(), {.keep = 1, .keep_every = 20});
  EXPECT_THAT(steps_in(folder.path()), ElementsAre(20, 40));
  EXPECT_EQ(marked.count(), 0);
  EXPECT_EQ(newest.count(), 1);
}

TEST(Resume, ReadsTheManifestOnceAndRefusesAnotherRunBeforeAnyShard) {
  const TemporaryFolder folder;
  save(folder.path(), 10);
  const Opens manifest(folder / "step-00000010/manifest.json");
  const Opens shard(folder / "step-00000010/rank-00000.h5");
  const auto check = [](const CheckpointState& state) {
    EXPECT_EQ(state.step, 10);
    TW_RAISE(CheckpointError, "another run");
  };
  const auto resume = [&](Communicator& c) {
    (void)resume_checkpoint(c, folder.path(), {}, pass_over_checkpoint, {}, check);
  };
  EXPECT_THAT(run_ranks(2, resume), Each("another run"));
  EXPECT_EQ(manifest.count(), 1);
  EXPECT_EQ(shard.count(), 0);
}

TEST(Save, ReplacesACheckpointOfTheSameStep) {
  const TemporaryFolder folder;
  save(folder.path(), 5, 1);
  const std::string first = read_file(folder.path() / "step-00000005/rank-00000.h5");
  save(folder.path(), 5, 2);
  EXPECT_NE(read_file(folder.path() / "step-00000005/rank-00000.h5"), first);
  EXPECT_TRUE(verify_checkpoint(folder.path() / "step-00000005").empty());
  EXPECT_THAT(names_in(folder.path()), ElementsAre("step-00000005"));
}

TEST(Save, ClearsAwayWhatAKillLeft) {
  const TemporaryFolder folder;
  save(folder.path(), 5);
  write_file(folder.path() / "step-00000009.writing/rank-00000.h5", "half");
  write_file(folder.path() / "step-00000003.removing/model.h5", "old");
  write_file(folder.path() / "step-00000005.replaced/model.h5", "old");
  write_file(folder.path() / "notes.writing", "a user's own");
  fs::copy(folder.path() / "step-00000005", folder.path() / "step-00000006.replaced");
  save(folder.path(), 10);
  // Step 6 was about to be replaced when its successor had not arrived yet.
  EXPECT_THAT(names_in(folder.path()),
              ElementsAre("notes.writing", "step-00000005", "step-00000006", "step-00000010"));
}

TEST(Inspect, CountsWhatThereIs) {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  EXPECT_THAT(run_ranks(2, [&](Communicator& c) { save_sample(c, folder.path(), 3, arrays, {}); }),
              Each(""));
  const CheckpointSummary summary = inspect_checkpoint(folder.path() / "step-00000003");
  EXPECT_EQ(summary.step, 3);
  EXPECT_EQ(summary.parameters, 37 * 12 + 16 * 31 + 5 + 1);
  EXPECT_EQ(summary.arrays.size(), arrays.size());
  EXPECT_EQ(summary.arrays[0].name, "model/embedding.weight");
  EXPECT_EQ(summary.arrays[0].parts, 2u);
  ASSERT_EQ(summary.files.size(), 3u);
  std::uint64_t bytes = 0;
  for (const FileSummary& file : summary.files) bytes += fs::file_size(summary.folder / file.name);
  EXPECT_EQ(summary.bytes, bytes);
}

}  // namespace
}  // namespace tokenwerk::test
