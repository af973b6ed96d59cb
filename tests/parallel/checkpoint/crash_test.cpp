/// Processes that die while they save, disks that fill up, files that change: what was good stays
/// good.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/parallel/checkpoint/rank_threads.h"
#include "tests/support/forked_child.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

void save(const fs::path& directory, Index step) {
  const auto arrays = sample_arrays(step);
  const auto faults =
      run_ranks(2, [&](Communicator& c) { save_sample(c, directory, step, arrays, {}); });
  for (const std::string& fault : faults)
    if (!fault.empty()) throw CheckpointError(fault, "");
}

/// Resumes and checks every bit; returns the step.
Index resumed_step(const fs::path& directory) {
  Index step = -1;
  EXPECT_THAT(run_ranks(1,
                        [&](Communicator& c) {
                          const Targets t = make_targets(sample_arrays(), {}, 0, 1);
                          const auto state = resume_checkpoint(c, directory, t.targets);
                          if (!state) return;
                          step = state->step;
                          EXPECT_EQ(differences(sample_arrays(step), t), "");
                        }),
              Each(""));
  return step;
}

TEST(KilledSave, LeavesTheCheckpointBeforeIt) {
  const TemporaryFolder folder;
  const auto start = std::chrono::steady_clock::now();
  save(folder.path(), 1);
  const std::chrono::duration<double> one_save = std::chrono::steady_clock::now() - start;
  std::mt19937 random(7);
  Index step = 1;
  for (int round = 0; round < 15; ++round) {
    const pid_t child = in_child([&]() -> int {
      for (Index next = step + 1;; ++next) {
        save(folder.path(), next);
        save(folder.path(), next);  // and replaces it
      }
    });
    std::this_thread::sleep_for(one_save * 3 * (static_cast<double>(random() % 1000) / 1000));
    kill(child, SIGKILL);
    EXPECT_EQ(exit_status(child), -SIGKILL);
    const Index found = resumed_step(folder.path());
    EXPECT_GE(found, step);
    step = found;
    for (const fs::path& other : list_checkpoints(folder.path()))
      EXPECT_TRUE(verify_checkpoint(other).empty()) << other;
  }
  EXPECT_GT(step, 1);
}

void limit_file_size(rlim_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_FSIZE, &limit);
}

TEST(FullDisk, FailsOnAllRanksAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  // Limits at which the shard, the view and the manifest fail in turn.
  for (rlim_t bytes : {0, 100, 900, 2000, 2500, 4000, 6000, 9000, 10000}) {
    const pid_t child = in_child([&] {
      limit_file_size(bytes);
      const auto arrays = sample_arrays(2);
      const auto faults =
          run_ranks(2, [&](Communicator& c) { save_sample(c, folder.path(), 2, arrays, {}); });
      if (faults[0].find("step-00000002.writing") == std::string::npos) return 1;
      if (faults[1] != faults[0]) return 2;
      if (fs::exists(folder.path() / "step-00000002")) return 3;
      if (fs::exists(folder.path() / "step-00000002.writing")) return 4;
      limit_file_size(RLIM_INFINITY);
      save(folder.path(), 2);  // the process can still save when there is room again
      fs::remove_all(folder.path() / "step-00000002");
      return 0;
    });
    EXPECT_EQ(exit_status(child), 0) << bytes << " bytes";
    EXPECT_EQ(resumed_step(folder.path()), 1);
  }
}

TEST(Save, SaysWhenItsFolderCannotBeMade) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "");
  EXPECT_THAT(
      run_ranks(2,
                [&](Communicator& c) { save_sample(c, folder / "file", 1, sample_arrays(), {}); }),
      Each(HasSubstr("file: cannot make this folder")));
}

TEST(Save, SurvivesItsFolderBeingRemoved) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  std::atomic<bool> done = false;
  std::thread remover([&] {
    while (!done) {
      std::error_code ignored;
      fs::remove_all(folder.path() / "step-00000002.writing", ignored);
    }
  });
  const auto arrays = sample_arrays(2);
  for (int round = 0; round < 10; ++round) {
    const auto faults =
        run_ranks(2, [&](Communicator& c) { save_sample(c, folder.path(), 2, arrays, {}); });
    EXPECT_EQ(faults[0], faults[1]);
  }
  done = true;
  remover.join();
  save(folder.path(), 3);
  EXPECT_EQ(resumed_step(folder.path()), 3);
}

/// One random change of a file; `other` is another file of the folder.
std::string mutated(std::string bytes, const std::string& other, std::mt19937& random) {
  const std::size_t place = random() % bytes.size();
  switch (random() % 6) {
    case 0: bytes[place] = static_cast<char>(bytes[place] ^ (1 << random() % 8)); break;
    case 1: bytes.resize(place); break;
    case 2: bytes.append(1 + random() % 100, '\0'); break;
    case 3: bytes.replace(place, 16, 16, static_cast<char>(random())); break;
    case 4: bytes.erase(place, 1 + random() % 8); break;
    default: bytes = other; break;
  }
  return bytes;
}

/// A new file: truncating the old one would make some file systems wait for the disk.
void replace(const fs::path& path, const std::string& bytes) {
  fs::remove(path);
  write_file(path, bytes);
}

TEST(MutatedCheckpoint, GivesTheExactDataOrAnErrorNamingTheFile) {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  ASSERT_THAT(run_ranks(2, [&](Communicator& c) { save_sample(c, folder.path(), 1, arrays, {}); }),
              Each(""));
  const fs::path step = folder.path() / "step-00000001";
  const std::vector<std::string> names = {"manifest.json", "rank-00000.h5", "rank-00001.h5"};
  std::mt19937 random(3);
  const auto faults = run_ranks(1, [&](Communicator& c) {
    for (int round = 0; round < 3000; ++round) {
      const std::string& name = names[random() % 3];
      const std::string good = read_file(step / name);
      const std::string bad = mutated(good, read_file(step / names[random() % 3]), random);
      replace(step / name, bad);
      Targets targets = make_targets(arrays, {}, 0, 1);
      try {
        (void)load_checkpoint(c, step, targets.targets);
        EXPECT_EQ(bad, good) << name;
        EXPECT_EQ(differences(arrays, targets), "");
      } catch (const CheckpointError& fault) {
        EXPECT_NE(bad, good);
        EXPECT_THAT(fault.what(), HasSubstr(name));
      }
      replace(step / name, good);
    }
  });
  EXPECT_THAT(faults, Each(""));
  EXPECT_TRUE(verify_checkpoint(step).empty());
}

}  // namespace
}  // namespace tokenwerk::test
