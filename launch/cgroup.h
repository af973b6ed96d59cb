#pragma once
/// What the kernel lets this process and its like use: control groups, as containers and Slurm set
/// them.

#include <cstddef>
#include <filesystem>
#include <string>

namespace tokenwerk {

/// The memory of a group and of those around it; bytes.
struct GroupMemory {
  std::size_t limit;  ///< the smallest of them; the largest size_t: none
  std::size_t used;   ///< by the group of that limit, page cache left out
};

/// `groups` is the text of /proc/self/cgroup, `root` where control groups are mounted. Both
/// versions: https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max, memory.current) and
/// cgroup-v1/memory.html (memory.limit_in_bytes, memory.usage_in_bytes).
[[nodiscard]] GroupMemory group_memory(const std::string& groups,
                                       const std::filesystem::path& root = "/sys/fs/cgroup");

}  // namespace tokenwerk
