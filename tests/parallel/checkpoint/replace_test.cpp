/// A checkpoint that is replaced by another of its step is there all the while.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"
#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/parallel/checkpoint/rank_threads.h"
#include "tests/support/forked_child.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::ElementsAre;

/// Whether the file system can exchange two names.
enum class Exchange { known, unknown };

const RefusedCall no_exchange{
    SYS_renameat2, EINVAL, RefusedCall::Argument{4, static_cast<std::uint32_t>(RENAME_EXCHANGE)}};

void save(const fs::path& directory, Index salt) {
  EXPECT_THAT(
      run_ranks(
          1,
          [&](Communicator& c) {
            save_sample(c, directory, 5, {sample_array("model/w", DType::f32, {3, 2}, salt)}, {});
          }),
      Each(""));
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory))
    names.push_back(entry.path().filename());
  return names;
}

/// Gives a step's folder the content of another, in a process that its parent may stop at each of
/// its system calls.
int replace(const fs::path& directory, const fs::path& content, Exchange exchange) {
  AsideFolder folder(directory, 5);
  fs::copy(content, folder.path());
  if (exchange == Exchange::unknown && !refuse(no_exchange)) return 3;
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 3;
  raise(SIGSTOP);
  folder.publish();
  _exit(0);
}

/// Kills it at its system call of this number, before or after it; false where it ended before.
bool killed_at(pid_t child, int call) {
  for (int stop = 0;; ++stop) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status)) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
      return false;
    }
    if (stop == call) {
      kill(child, SIGKILL);
      EXPECT_EQ(waitpid(child, &status, 0), child);
      return true;
    }
    ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
  }
}

class KilledReplacement : public testing::TestWithParam<Exchange> {};

TEST_P(KilledReplacement, LeavesAWholeCheckpointWhereverItDies) {
  const TemporaryFolder folder;
  save(folder / "old", 1);
  save(folder / "new", 2);
  const fs::path directory = folder / "run";
  bool old_seen = false, new_seen = false, killed = true;
  for (int call = 0; killed; ++call) {
    ASSERT_LT(call, 1000);
    fs::remove_all(directory);
    fs::copy(folder / "old", directory, fs::copy_options::recursive);
    killed = killed_at(
        in_child([&] { return replace(directory, folder / "new/step-00000005", GetParam()); }),
        call);
    const auto latest = latest_checkpoint(directory);
    ASSERT_TRUE(latest) << "killed at system call " << call;
    const std::string bytes = read_file(*latest / "rank-00000.h5");
    EXPECT_TRUE(verify_checkpoint(*latest).empty()) << call;
    old_seen = old_seen || bytes == read_file(folder / "old/step-00000005/rank-00000.h5");
    new_seen = new_seen || bytes == read_file(folder / "new/step-00000005/rank-00000.h5");
    { const AsideFolder next(directory, 6); }  // what the next save finds first
    EXPECT_THAT(names_in(directory), ElementsAre("step-00000005")) << call;
    EXPECT_EQ(read_file(directory / "step-00000005/rank-00000.h5"), bytes) << call;
  }
  EXPECT_TRUE(old_seen && new_seen);
}

INSTANTIATE_TEST_SUITE_P(FileSystems, KilledReplacement,
                         testing::Values(Exchange::known, Exchange::unknown),
                         [](const auto& tested) {
                           return tested.param == Exchange::known ? "WithExchange"
                                                                  : "WithoutExchange";
                         });

TEST(ReplacedCheckpoint, IsListedUntilItsSuccessorHasTheName) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  const fs::path step = folder / "step-00000005", replaced = folder / "step-00000005.replaced";
  fs::rename(step, replaced);
  EXPECT_THAT(list_checkpoints(folder.path()), ElementsAre(replaced));
  put_back_replaced(folder.path());
  EXPECT_THAT(list_checkpoints(folder.path()), ElementsAre(step));
  fs::copy(step, replaced);
  put_back_replaced(folder.path());
  EXPECT_THAT(list_checkpoints(folder.path()), ElementsAre(step));
  EXPECT_TRUE(fs::exists(replaced));
}

TEST(MadeFolder, HasItsNameOnTheDisk) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "there");
  const pid_t child = in_child([&] {
    if (!refuse({SYS_fsync, EIO, {}})) return 1;
    make_folder(folder / "there");  // it was: nothing to sync
    for (const char* name : {"a", "there/b/c"}) {
      try {
        make_folder(folder / name);
        return 2;
      } catch (const CheckpointError&) {
      }
    }
    return 0;
  });
  EXPECT_EQ(exit_status(child), 0);
}

}  // namespace
}  // namespace tokenwerk::test
