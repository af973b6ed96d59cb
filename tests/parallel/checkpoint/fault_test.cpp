/// Whatever is wrong with a checkpoint or with what is asked of it is said, by name, on every rank.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/parallel/checkpoint/rank_threads.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

/// A folder with checkpoints of two ranks at these steps.
struct Saved {
  explicit Saved(std::initializer_list<Index> steps) {
    for (Index step : steps) {
      const auto faults =
          run_ranks(2, [&](Communicator& c) { save_sample(c, folder.path(), step, arrays, {}); });
      EXPECT_THAT(faults, Each(""));
    }
  }
  [[nodiscard]] fs::path file(Index step, std::string_view name) const {
    return folder.path() / fmt::format("step-{:08}", step) / name;
  }
  /// What each of two ranks throws when it loads.
  [[nodiscard]] std::vector<std::string> load() const {
    return run_ranks(2, [&](Communicator& c) {
      EXPECT_EQ(load_sample(c, folder.path(), arrays, {1, 0}), "");
    });
  }
  TemporaryFolder folder;
  std::vector<SampleArray> arrays = sample_arrays();
};

void flip(const fs::path& path, std::size_t position) {
  std::string bytes = read_file(path);
  bytes.at(position) = static_cast<char>(bytes[position] ^ 0x10);
  write_file(path, bytes);
}

// -- damaged files

TEST(DamagedCheckpoint, AFlippedByteIsNamed) {
  const Saved saved({5});
  flip(saved.file(5, "rank-00001.h5"), 3000);
  EXPECT_THAT(saved.load(),
              Each(AllOf(HasSubstr("rank-00001.h5 is damaged"), Not(HasSubstr("rank-00000.h5")))));
}

TEST(DamagedCheckpoint, ATruncatedFileIsNamed) {
  const Saved saved({5});
  fs::resize_file(saved.file(5, "rank-00000.h5"), 4000);
  const auto faults = verify_checkpoint(saved.file(5, "").parent_path());
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].file, saved.file(5, "rank-00000.h5"));
  EXPECT_THAT(faults[0].what, HasSubstr("has 4000 bytes instead of"));
  EXPECT_THAT(
      run_ranks(
          1, [&](Communicator& c) { (void)load_sample(c, saved.file(5, ""), saved.arrays, {}); }),
      Each(HasSubstr("rank-00000.h5 has 4000 bytes")));
}

TEST(DamagedCheckpoint, SwappedFilesAreBothNamed) {
  const Saved saved({5});
  const fs::path a = saved.file(5, "rank-00000.h5"), b = saved.file(5, "rank-00001.h5");
  const std::string first = read_file(a);
  write_file(a, read_file(b));
  write_file(b, first);
  EXPECT_THAT(
      run_ranks(2,
                [&](Communicator& c) { (void)load_sample(c, a.parent_path(), saved.arrays, {}); }),
      Each(AllOf(HasSubstr("rank-00000.h5 has"), HasSubstr("rank-00001.h5 has"))));
}

TEST(DamagedCheckpoint, AMissingFileMakesItIncomplete) {
  const Saved saved({5});
  fs::remove(saved.file(5, "rank-00001.h5"));
  EXPECT_EQ(latest_checkpoint(saved.folder.path()), std::nullopt);
  EXPECT_THAT(saved.load(), Each(AllOf(HasSubstr("no complete checkpoint there, not even"),
                                       HasSubstr("rank-00001.h5: No such file"))));
}

TEST(DamagedCheckpoint, ADamagedManifestIsSaidToBeTheFault) {
  const Saved saved({5});
  const fs::path manifest = saved.file(5, "manifest.json");
  const std::string good = read_file(manifest);
  flip(manifest, good.find("embedding"));
  const auto faults = verify_checkpoint(manifest.parent_path());
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].file, manifest);
  EXPECT_THAT(faults[0].what, HasSubstr("damaged: its checksum is"));
  write_file(manifest, good.substr(0, good.size() / 2));
  EXPECT_THAT(verify_checkpoint(manifest.parent_path()).at(0).what, HasSubstr("cut off"));
}

// -- the view

TEST(DamagedCheckpoint, APipeInPlaceOfAFileHoldsNobodyUp) {
  for (const char* name : {"manifest.json", "rank-00001.h5"}) {
    const Saved saved({100});
    const fs::path file = saved.file(100, name);
    fs::remove(file);
    ASSERT_EQ(mkfifo(file.c_str(), 0666), 0);
    EXPECT_THAT(saved.load(), Each(HasSubstr(name)));
  }
}

TEST(CheckpointView, ADamagedViewIsMadeAnewAndLoadingGoesOn) {
  const Saved saved({5});
  const fs::path view = saved.file(5, "model.h5");
  const std::string good = read_file(view);
  flip(view, 100);
  EXPECT_EQ(verify_checkpoint(view.parent_path()).size(), 1u);
  EXPECT_THAT(saved.load(), Each(""));
  EXPECT_EQ(read_file(view), good);
  fs::remove(view);
  EXPECT_THAT(saved.load(), Each(""));
  EXPECT_TRUE(verify_checkpoint(view.parent_path()).empty());
}

TEST(CheckpointView, AViewThatCannotBeMadeAnewStopsNothing) {
  const Saved saved({5});
  const fs::path view = saved.file(5, "model.h5");
  fs::remove(view);
  fs::create_directories(view / "in the way");
  EXPECT_THAT(saved.load(), Each(""));
}

// -- resume

TEST(Resume, FallsBackToTheNewestThatVerifies) {
  const Saved saved({5, 10, 15});
  flip(saved.file(15, "rank-00000.h5"), 2500);  // the right size: only its sum tells
  fs::remove(saved.file(10, "manifest.json"));
  EXPECT_THAT(run_ranks(2,
                        [&](Communicator& c) {
                          const Targets t = make_targets(saved.arrays, {1, 0}, c.rank(), 2);
                          const auto state = resume_checkpoint(c, saved.folder.path(), t.targets);
                          ASSERT_TRUE(state);
                          EXPECT_EQ(state->step, 5);
                          EXPECT_EQ(differences(saved.arrays, t), "");
                        }),
              Each(""));
}

TEST(Resume, FindsNothingInAnEmptyOrMissingFolder) {
  const TemporaryFolder folder;
  EXPECT_THAT(run_ranks(2,
                        [&](Communicator& c) {
                          EXPECT_FALSE(resume_checkpoint(c, folder.path(), {}));
                          EXPECT_FALSE(resume_checkpoint(c, folder.path() / "none", {}));
                        }),
              Each(""));
}

TEST(Resume, RefusesToStartAnewBesideDamagedCheckpoints) {
  const Saved saved({5});
  flip(saved.file(5, "rank-00000.h5"), 2500);
  EXPECT_THAT(
      run_ranks(2, [&](Communicator& c) { (void)resume_checkpoint(c, saved.folder.path(), {}); }),
      Each(AllOf(HasSubstr("none of its checkpoints"), HasSubstr("rank-00000.h5 is damaged"))));
}

// -- wrong questions

TEST(Load, ListsAllThatDoesNotFitAndTouchesNothing) {
  const Saved saved({5});
  float memory[64] = {};
  const auto window = [&](Shape shape, DType dtype) {
    return TensorView{memory, shape, shape.columns(), dtype, nullptr};
  };
  const std::vector<ArrayTarget> targets = {
      {"model/norm.bias", {5}, Box::whole({5}), window({5}, DType::f32)},
      {"model/other", {5}, Box::whole({5}), window({5}, DType::f32)},
      {"model/embedding.weight", {37, 13}, Box::whole({1, 13}), window({1, 13}, DType::f32)},
      {"optimizer/four", {2, 3, 11, 9}, {{0, 0, 0, 0}, {1, 1, 1, 9}}, window({9}, DType::f32)},
      {"optimizer/cube", {3, 7, 5}, {{3, 0, 0}, {1, 1, 5}}, window({5}, DType::f32)},
      {"optimizer/thin", {1, 1, 13, 1}, Box::whole({1, 1, 13, 1}), window({12, 1}, DType::bf16)}};
  EXPECT_THAT(
      run_ranks(2,
                [&](Communicator& c) { (void)load_checkpoint(c, saved.folder.path(), targets); }),
      Each(AllOf(HasSubstr("model/other is not in the checkpoint"),
                 HasSubstr("model/embedding.weight has shape (37, 12) there, (37, 13) here"),
                 HasSubstr("optimizer/four is i32 there, f32 here"),
                 HasSubstr("optimizer/cube box (3, 0, 0) + (1, 1, 5) is not inside"),
                 HasSubstr("optimizer/thin a window (12, 1)"), Not(HasSubstr("norm.bias")))));
  EXPECT_THAT(memory, Each(0.0f));
}

std::string save_fault(int ranks, const std::function<std::vector<ArrayPart>(int)>& parts,
                       std::string_view state = "{}") {
  const TemporaryFolder folder;
  const auto faults = run_ranks(ranks, [&](Communicator& c) {
    save_checkpoint(c, folder.path(), 1, parts(c.rank()), state);
  });
  EXPECT_THAT(faults, Each(faults[0]));
  EXPECT_TRUE(fs::is_empty(folder.path()));
  return faults[0];
}

ArrayPart part(std::string name, Shape global, Box box) {
  static float memory[64] = {};
  return {std::move(name),
          global,
          box,
          {memory, box.extent, box.extent.columns(), DType::f32, nullptr}};
}

TEST(Save, RefusesBoxesThatOverlapOrLeaveHoles) {
  const auto whole = [](int) { return std::vector{part("model/w", {2, 3}, Box::whole({2, 3}))}; };
  EXPECT_THAT(save_fault(2, whole), HasSubstr("model/w: boxes (0, 0) + (2, 3) and (0, 0) + (2, 3) "
                                              "overlap"));
  const auto half = [](int rank) {
    return std::vector{part("model/w", {2, 3}, {{0, rank}, {2, 1}}),
                       part("model/v", {4}, {{0}, {4}})};
  };
  EXPECT_THAT(save_fault(2, half), AllOf(HasSubstr("model/w: 2 of its 6 elements are in no box"),
                                         HasSubstr("model/v: boxes (0) + (4) and (0) + (4)")));
}

TEST(Save, RefusesRanksThatDisagree) {
  EXPECT_THAT(save_fault(2,
                         [](int rank) {
                           return std::vector{part("w", {2, 3 + rank}, {{rank, 0}, {1, 3}})};
                         }),
              HasSubstr("w: rank 1 gives f32 (2, 4), others f32 (2, 3)"));
}

TEST(Save, RefusesNamesThatHdf5CannotKeepApart) {
  for (const char* name : {"", "/w", "w/", "a//b", "a/../b", "a b", "a%b", "a#1"})
    EXPECT_NE(save_fault(1,
                         [&](int) {
                           return std::vector{part(name, {1}, {{0}, {1}})};
                         }),
              "")
        << name;
  EXPECT_THAT(
      save_fault(1,
                 [](int) {
                   return std::vector{part("a/b", {1}, {{0}, {1}}), part("a", {1}, {{0}, {1}})};
                 }),
      HasSubstr("a: is both an array and the folder of a/b"));
}

TEST(Save, RefusesScalarsMissingMemoryAndStatesThatAreNoObject) {
  EXPECT_THAT(save_fault(1,
                         [](int) {
                           return std::vector{part("w", {}, {{}, {}})};
                         }),
              HasSubstr("w: shape () holds nothing"));
  EXPECT_THAT(save_fault(1,
                         [](int) {
                           return std::vector{ArrayPart{"w", {2}, {{0}, {2}}, {}}};
                         }),
              HasSubstr("w: no memory given"));
  const auto fine = [](int) { return std::vector{part("w", {2}, {{0}, {2}})}; };
  EXPECT_THAT(save_fault(1, fine, "[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(save_fault(1, fine, "{"), HasSubstr("not a JSON object"));
}

}  // namespace
}  // namespace tokenwerk::test
