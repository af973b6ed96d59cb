/// Limits of control groups, of both versions.

#include "launch/cgroup.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

class Cgroup : public testing::Test {
 protected:
  void file(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    test::write_file(path, text);
  }
  [[nodiscard]] GroupMemory memory(const std::string& groups) const {
    return group_memory(groups, folder_.path());
  }

  test::TemporaryFolder folder_;
};

TEST_F(Cgroup, TheTightestGroupAroundAProcessCounts) {
  file("slurm/job/memory.max", "8000000\n");
  file("slurm/job/memory.current", "5000000\n");
  file("slurm/job/memory.stat", "anon 1000000\ninactive_file 3000000\n");
  file("slurm/job/step/memory.max", "max\n");
  file("slurm/memory.max", "9000000\n");
  const GroupMemory found = memory("0::/slurm/job/step\n");
  EXPECT_EQ(found.limit, 8000000u);
  EXPECT_EQ(found.used, 2000000u) << "page cache is not used memory";
}

TEST_F(Cgroup, TheFirstVersionIsKnownToo) {
  file("memory/docker/memory.limit_in_bytes", "7000000\n");
  file("memory/docker/memory.usage_in_bytes", "2000000\n");
  file("memory/docker/memory.stat", "inactive_file 1\ntotal_inactive_file 500000\n");
  file("cpu/docker/memory.limit_in_bytes", "1\n");
  const GroupMemory found = memory("4:memory:/docker\n3:cpu:/docker\n0::/\n");
  EXPECT_EQ(found.limit, 7000000u);
  EXPECT_EQ(found.used, 1500000u);
}

TEST_F(Cgroup, WithoutLimitsThereIsNone) {
  for (const char* groups : {"", "0::/\n", "4:memory:/not/mounted\n", "nonsense\n0:\n"})
    EXPECT_EQ(memory(groups).limit, std::numeric_limits<std::size_t>::max()) << groups;
}

}  // namespace
}  // namespace tokenwerk
