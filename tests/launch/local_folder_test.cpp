/// Which generations on the hosts' disks are a run's, and count.

#include "launch/local_folder.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>

#include "launch/exit_code.h"
#include "parallel/checkpoint/local/local_resume.h"
#include "parallel/checkpoint/local/local_save.h"
#include "parallel/comm/self_communicator.h"
#include "tests/support/forked_child.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;

/// Attempts of a run, each of one rank on a host of its own choice.
struct Attempts {
  Attempts() : checkpoints(folder / "run/checkpoints") { fs::create_directories(checkpoints); }
  [[nodiscard]] LocalTier open(const std::string& host, const std::string& resume,
                               const fs::path& beside) {
    Recipe recipe;
    recipe.checkpoint.directory = beside;
    recipe.checkpoint.local = folder / "{host}";
    recipe.checkpoint.resume = resume;
    return open_local_tier(self, host, recipe).value();
  }
  [[nodiscard]] LocalTier open(const std::string& host, const std::string& resume = "latest") {
    return open(host, resume, checkpoints);
  }
  void begin(LocalTier& tier, Index step) const {
    EXPECT_EQ(begin_local_session(tier, checkpoints, step), "");
  }
  /// The exit code of a run that cannot open its tier.
  [[nodiscard]] ExitCode refusal(const std::string& resume) {
    try {
      (void)open("h1", resume);
    } catch (const SharedError& error) {
      return error.code;
    }
    return ExitCode::done;
  }
  void keep(const LocalTier& tier, Index step, float number) const {
    const ArrayPart part{"w", {1}, Box::whole({1}), {&number, {1}, 1, DType::f32, nullptr}};
    LocalSave save(tier, step, {&part, 1}, "{}");
    save.write();
    save.hand_over();
    save.check_copies();
    save.finish();
    write_local_marker(checkpoints, marker_of(tier, checkpoints, step));
  }
  /// What the array holds in the newest generation that counts; 0: there is none.
  [[nodiscard]] float newest(const LocalTier& tier) const {
    float number = 0;
    const ArrayTarget target{
        "w", {1}, Box::whole({1}), {&number, {1}, 1, DType::f32, device.get()}};
    const auto found = resume_local(tier, -1, {&target, 1}, [](const CheckpointState&) {});
    return found ? number : 0;
  }

  test::TemporaryFolder folder;
  fs::path checkpoints;
  std::unique_ptr<Device> device = make_device(DeviceKind::cpu);
  SelfCommunicator self{Axis::world, *device};
};

TEST(LocalFolder, WhatARewindOvertakesCountsOnNoHostAnyMore) {
  Attempts run;
  LocalTier first = run.open("h1", "never");
  run.begin(first, 0);
  run.keep(first, 20, 1);
  run.keep(first, 30, 2);
  LocalTier second = run.open("h2");
  run.begin(second, 33);
  run.begin(second, 20);                     // a bad step
  EXPECT_EQ(run.newest(run.open("h1")), 1);  // of step 20, from before
  run.keep(second, 28, 3);
  EXPECT_EQ(run.newest(run.open("h2")), 3);
  LocalTier third = run.open("h1");
  EXPECT_EQ(run.newest(third), 1);
  run.begin(third, 20);
  EXPECT_EQ(run.newest(run.open("h2")), 0);
  remove_overtaken(third.folder, third.sessions);
  EXPECT_EQ(list_generations(third.folder).size(), 1u);
}

TEST(LocalFolder, TheSameStepIsKeptTwiceUnderTwoNames) {
  Attempts run;
  LocalTier tier = run.open("h1", "never");
  run.begin(tier, 0);
  run.keep(tier, 10, 1);
  run.begin(tier, 8);
  EXPECT_EQ(run.newest(tier), 0);
  run.keep(tier, 10, 2);
  EXPECT_EQ(list_generations(tier.folder).size(), 2u);
  EXPECT_EQ(run.newest(tier), 2);
}

TEST(LocalFolder, ACopyOfTheCheckpointsIsAnotherRunAndAFreshOneRemovesWhatItFinds) {
  Attempts run;
  LocalTier tier = run.open("h1", "never");
  run.begin(tier, 0);
  run.keep(tier, 10, 1);
  fs::copy(run.folder / "run", run.folder / "copy", fs::copy_options::recursive);
  const LocalTier copy = run.open("h1", "latest", run.folder / "copy/checkpoints");
  EXPECT_NE(copy.folder, tier.folder);
  EXPECT_EQ(run.newest(copy), 0);
  (void)run.open("h1", "never", run.folder / "copy/checkpoints");
  EXPECT_EQ(run.newest(run.open("h1")), 1);
  EXPECT_EQ(run.newest(run.open("h1", "never")), 0);
  EXPECT_FALSE(fs::exists(tier.folder));
}

/// Nothing can be written aside as this file.
void block(const fs::path& file) { test::write_file(file.string() + ".writing/x", "in the way"); }

TEST(LocalFolder, AStartThatCannotBeWrittenKeepsNothingUntilItIs) {
  Attempts run;
  EXPECT_EQ(run.refusal("latest"), ExitCode::done);
  const fs::path marker = local_marker_file(run.checkpoints);
  LocalTier first = run.open("h1", "never");
  run.begin(first, 0);
  run.keep(first, 10, 1);
  run.keep(first, 20, 2);
  LocalTier second = run.open("h1");
  block(marker);
  EXPECT_NE(begin_local_session(second, run.checkpoints, 10), "");
  EXPECT_EQ(second.unwritten, 10);
  EXPECT_EQ(second.sessions, first.sessions);
  EXPECT_EQ(run.refusal("never"), ExitCode::wrong_machine);  // another run would mix with it
  fs::remove_all(marker.string() + ".writing");
  run.begin(second, 15);
  EXPECT_EQ(second.unwritten, std::nullopt);
  EXPECT_EQ(run.newest(run.open("h1")), 1);  // it went on from step 10
  run.keep(second, 30, 3);
  EXPECT_EQ(run.newest(run.open("h1")), 3);
}

TEST(LocalMarker, ThatIsDamagedIsSetAsideUnlessTheRunWouldBeginAnew) {
  Attempts run;
  const fs::path marker = local_marker_file(run.checkpoints);
  LocalTier tier = run.open("h1", "never");
  run.begin(tier, 0);
  run.keep(tier, 10, 1);
  test::write_file(marker, "");
  EXPECT_EQ(run.refusal("latest"), ExitCode::wrong_data);
  EXPECT_TRUE(fs::exists(marker));
  fs::create_directory(run.checkpoints / "step-00000008");
  EXPECT_EQ(run.newest(run.open("h1")), 0);
  EXPECT_TRUE(fs::exists(marker.string() + ".damaged"));
  EXPECT_TRUE(fs::exists(tier.folder));
}

TEST(LocalMarker, ThatCannotBeReadIsNotTakenForNone) {
  Attempts run;
  const fs::path marker = local_marker_file(run.checkpoints), kept = run.checkpoints / "kept";
  LocalTier tier = run.open("h1", "never");
  run.begin(tier, 0);
  run.keep(tier, 10, 1);
  fs::rename(marker, kept);
  fs::create_symlink(marker.filename(), marker);  // no reader gets through, not even root
  for (const char* resume : {"never", "latest"})
    EXPECT_EQ(run.refusal(resume), ExitCode::wrong_machine);
  fs::rename(kept, marker);
  EXPECT_EQ(run.newest(run.open("h1")), 1);
}

TEST(LocalMarker, IsOnTheDiskBeforeItHasItsName) {
  Attempts run;
  LocalTier tier = run.open("h1", "never");
  run.begin(tier, 0);
  const std::string before = test::read_file(local_marker_file(run.checkpoints));
  const pid_t child = test::in_child([&] {
    if (!test::refuse({SYS_fsync, EIO, {}})) return 1;
    EXPECT_THROW(write_local_marker(run.checkpoints, marker_of(tier, run.checkpoints, 10)),
                 DeviceError);
    return testing::Test::HasFailure() ? 2 : 0;
  });
  EXPECT_EQ(test::exit_status(child), 0);
  EXPECT_EQ(test::read_file(local_marker_file(run.checkpoints)), before);
}

TEST(LocalMarker, IsReadBackAndKnowsTheNewestGenerationThatCounts) {
  Attempts run;
  LocalTier tier = run.open("h1", "never");
  EXPECT_EQ(read_local_marker(run.checkpoints)->step, std::nullopt);
  run.begin(tier, 0);
  run.keep(tier, 10, 1);
  const LocalMarker marker = read_local_marker(run.checkpoints).value();
  EXPECT_EQ(marker.step, 10);
  EXPECT_EQ(marker.sessions, tier.sessions);
  EXPECT_EQ(marker_text(parse_local_marker(marker_text(marker)).value()), marker_text(marker));
  run.begin(tier, 12);
  EXPECT_EQ(read_local_marker(run.checkpoints)->step, 10);
  run.begin(tier, 8);
  EXPECT_EQ(read_local_marker(run.checkpoints)->step, 8);
  run.begin(tier, 0);
  EXPECT_EQ(read_local_marker(run.checkpoints)->step, std::nullopt);
  for (const char* text : {"", "{}", "[]", R"({"run":"../x","directory":"/","sessions":[]})"})
    EXPECT_FALSE(parse_local_marker(text)) << text;
}

TEST(LocalSessions, TheLast64AreKnown) {
  std::vector<LocalSession> sessions;
  for (Index step = 0; step < 100; ++step) begin_session(sessions, std::to_string(step), step);
  EXPECT_EQ(sessions.size(), 64u);
  EXPECT_FALSE(counts(sessions, {30, generation_name(30, "30")}));
  EXPECT_TRUE(counts(sessions, {61, generation_name(61, "60")}));
  EXPECT_FALSE(counts(sessions, {62, generation_name(62, "60")}));
  EXPECT_TRUE(counts(sessions, {500, generation_name(500, "99")}));
}

}  // namespace
}  // namespace tokenwerk
