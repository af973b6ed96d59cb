#include "tests/support/forked_child.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace tokenwerk::test {
namespace {

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

/// Goes on where the loaded word is this one, otherwise skips so many lines.
sock_filter unless(std::uint32_t word, std::size_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word, 0, static_cast<std::uint8_t>(skip));
}

}  // namespace

pid_t in_child(const std::function<int()>& work) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  int code = 99;
  try {
    code = work();
  } catch (const std::exception& fault) {
    fprintf(stderr, "%s\n", fault.what());
  }
  exit(code);
}

int exit_status(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool refuse(const RefusedCall& call) {
  const auto number = static_cast<std::uint32_t>(call.number);
  const auto error = static_cast<std::uint32_t>(call.error);
  std::vector<sock_filter> lines{load(offsetof(seccomp_data, nr)),
                                 unless(number, call.argument ? 3 : 1)};
  if (call.argument) {  // its lower half, on little-endian machines
    const auto position = static_cast<std::size_t>(call.argument->position);
    lines.push_back(load(offsetof(seccomp_data, args) + 8 * position));
    lines.push_back(unless(call.argument->value, 1));
  }
  lines.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
  lines.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(lines.size()), lines.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace tokenwerk::test
