/// What a host cannot read is no damage: nothing is set aside, nothing older is taken, and the host
/// is named.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/shard_look.h"
#include "parallel/checkpoint/view.h"
#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/parallel/checkpoint/rank_threads.h"
#include "tests/support/forked_child.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

void save(const fs::path& directory, Index step) {
  EXPECT_THAT(
      run_ranks(2, [&](Communicator& c) { save_sample(c, directory, step, sample_arrays(), {}); }),
      Each(""));
}

/// No reader gets through this link, not even root.
void make_unreadable(const fs::path& file) {
  fs::remove(file);
  fs::create_symlink(file.filename(), file);
}

/// What two ranks throw that resume; "damage: ..." where it is no DeviceError, or another
/// checkpoint was taken or judged.
std::vector<std::string> resume(const fs::path& directory) {
  return run_ranks(2, [&](Communicator& c) {
    const Targets t = make_targets(sample_arrays(), {}, c.rank(), 2);
    try {
      const auto state = resume_checkpoint(
          c, directory, t.targets, [](const fs::path& folder, const std::string& why) {
            TW_RAISE(CheckpointError, folder.string(), " judged: ", why);
          });
      TW_RAISE(CheckpointError, "took step ", state ? state->step : -1);
    } catch (const CheckpointError& error) {
      TW_RAISE(CheckpointError, "damage: ", error.what());
    }
  });
}

TEST(UnreadableCheckpoint, IsNotDamagedAndTheRankAndHostAreNamed) {
  const TemporaryFolder folder;
  for (const Index step : {1, 2}) save(folder.path(), step);
  make_unreadable(folder / "step-00000002/rank-00001.h5");
  EXPECT_THAT(resume(folder.path()),
              Each(MatchesRegex("rank 0 host [^ ]+: .*/rank-00001.h5 cannot be read: Too many "
                                "levels of symbolic links")));
  EXPECT_THAT(run_ranks(2,
                        [&](Communicator& c) {
                          const Targets t = make_targets(sample_arrays(), {}, c.rank(), 2);
                          (void)load_checkpoint(c, folder / "step-00000002", t.targets);
                        }),
              Each(MatchesRegex("rank 1 host [^ ]+: .*/rank-00001.h5 cannot be read: .*")));
}

TEST(UnreadableCheckpoint, MayBeSoForItsManifest) {
  const TemporaryFolder folder;
  for (const Index step : {1, 2}) save(folder.path(), step);
  make_unreadable(folder / "step-00000002/manifest.json");
  EXPECT_THAT(resume(folder.path()),
              Each(AllOf(HasSubstr("manifest.json cannot be read"), Not(HasSubstr("damage")))));
  EXPECT_EQ(latest_checkpoint(folder.path()), folder.path() / "step-00000001");  // it only looks
  EXPECT_EQ(verify_checkpoint(folder / "step-00000002").at(0).kind,
            CheckpointFault::Kind::unreadable);
}

TEST(UnreadableCheckpoint, MayBeSoOnceItIsOpen) {
  const TemporaryFolder folder;
  for (const Index step : {1, 2}) save(folder.path(), step);
  const pid_t child = in_child([&] {
    // Shards are read in blocks of 4 MiB, and nothing else is.
    if (!refuse({SYS_read, EIO, RefusedCall::Argument{2, 4 << 20}})) return 1;
    EXPECT_THAT(resume(folder.path()),
                Each(MatchesRegex("rank 0 host .*/rank-00000.h5 cannot be read: .*; rank 1 host "
                                  ".*/rank-00001.h5 cannot be read: Input/output error")));
    return testing::Test::HasFailure() ? 2 : 0;
  });
  EXPECT_EQ(exit_status(child), 0);
}

TEST(UnreadableCheckpoint, MayBeSoForTheViewThatIsMadeAnew) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  const fs::path step = folder / "step-00000001";
  fs::remove(step / "model.h5");
  const pid_t child = in_child([&] {
    const Manifest manifest = read_manifest(step);
    if (!refuse({SYS_read, EIO, RefusedCall::Argument{2, 4 << 20}})) return 1;
    repair_view(step, manifest);  // on rank 0 alone: what it throws nobody else hears of
    return fs::exists(step / "model.h5") ? 2 : 0;
  });
  EXPECT_EQ(exit_status(child), 0);
  EXPECT_FALSE(fs::exists(step / "model.h5.writing"));
}

/// A rank whose file is large lets the others know each turn that it goes on.
TEST(ShardLook, MeetsAfterEachTurn) {
  const TemporaryFolder folder;
  write_file(folder / "large", std::string(std::size_t{21} << 20, 'x'));
  write_file(folder / "small", "x");
  const std::vector<StoredFile> files{{"large", checksum_file(folder / "large")},
                                      {"small", checksum_file(folder / "small")},
                                      {"large", {std::uint64_t{21} << 20, 1}}};
  EXPECT_THAT(run_ranks(2,
                        [&](Communicator& c) {
                          int turns = 0;
                          const std::string damage = damage_of_shards(
                              c, folder.path(), files,
                              {.length = std::chrono::seconds(0), .alive = [&] { ++turns; }});
                          EXPECT_THAT(damage,
                                      AllOf(HasSubstr("large is damaged"), Not(HasSubstr("; "))));
                          EXPECT_GE(turns, 12);
                        }),
              Each(""));
}

}  // namespace
}  // namespace tokenwerk::test
