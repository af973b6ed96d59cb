/// Damaged checkpoints: none loads but those that lost no more than their view.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/parallel/checkpoint/rank_threads.h"
#include "tests/support/damage.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

namespace fs = std::filesystem;
using testing::Each;

/// The sample as another model would have it: the same names, one array of another shape.
std::vector<SampleArray> other_arrays() {
  std::vector<SampleArray> arrays = sample_arrays(9);
  arrays.front() = sample_array("model/embedding.weight", DType::f32, {41, 12}, 9);
  return arrays;
}

void save(const fs::path& directory, const std::vector<SampleArray>& arrays) {
  EXPECT_THAT(run_ranks(2, [&](Communicator& c) { save_sample(c, directory, 1, arrays, {}); }),
              Each(""));
}

/// Loads on two ranks; what they threw, or what differs from what was saved.
std::vector<std::string> load(const fs::path& folder, const std::vector<SampleArray>& arrays) {
  return run_ranks(2, [&](Communicator& c) {
    EXPECT_EQ(load_sample(c, folder, arrays, {1, 0}), "");
  });
}

void load_damaged(int rounds) {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  save(folder.path() / "good", arrays);
  save(folder.path() / "other", other_arrays());
  std::mt19937 random(11);
  int loaded = 0;
  for (int round = 0; round < rounds; ++round) {
    const fs::path step = folder.path() / "bad/step-00000001";
    fs::create_directories(step.parent_path());
    fs::copy(folder.path() / "good/step-00000001", step);
    const Damage damage = damage_checkpoint(step, folder.path() / "other/step-00000001", random);
    const std::vector<std::string> faults = load(step, arrays);
    EXPECT_EQ(faults[0], faults[1]) << damage.what;
    EXPECT_EQ(faults[0].empty(), damage.view_only) << damage.what << ": " << faults[0];
    if (damage.view_only) {
      ++loaded;
      EXPECT_TRUE(verify_checkpoint(step).empty()) << damage.what << ": the view was not rebuilt";
    }
    fs::remove_all(step);
  }
  EXPECT_GT(loaded, rounds / 10);
  EXPECT_LT(loaded, rounds / 2);
}

TEST(DamagedCheckpoints, NeverLoadUnlessTheViewAloneIsDamaged) { load_damaged(150); }

// As its own test of the label long.
TEST(DamagedCheckpoints, DISABLED_NeverLoadInAThousandForms) { load_damaged(1000); }

TEST(SetAside, KeepsWhatItRenamesAndSaysWhy) {
  const TemporaryFolder folder;
  const fs::path step = folder.path() / "step-00000001";
  for (const char* name : {"step-00000001.damaged", "step-00000001.damaged-2"}) {
    save(folder.path(), sample_arrays());
    const std::string shard = read_file(step / "rank-00000.h5");
    EXPECT_EQ(set_aside_checkpoint(step, "a reason"), folder.path() / name);
    EXPECT_EQ(read_file(folder.path() / name / "rank-00000.h5"), shard);
    EXPECT_EQ(read_file(folder.path() / name / "damage.txt"), "a reason\n");
    EXPECT_TRUE(list_checkpoints(folder.path()).empty());
  }
  save(folder.path(), sample_arrays());
  prune_checkpoints(folder.path(), {.keep = 1});
  EXPECT_TRUE(fs::exists(folder.path() / "step-00000001.damaged"));
}

}  // namespace
}  // namespace tokenwerk::test
