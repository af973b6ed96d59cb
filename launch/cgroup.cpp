#include "launch/cgroup.h"

#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

/// The names of one version's files.
struct Version {
  std::string_view limit, used, cache;
};
constexpr Version second{"memory.max", "memory.current", "inactive_file"};
constexpr Version first{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

/// Nothing where there is no such file, or "max" in it.
std::optional<std::size_t> number_in(const fs::path& file) {
  std::ifstream stream(file);
  std::size_t number = 0;
  return stream >> number ? std::optional(number) : std::nullopt;
}

/// Page cache that the kernel gives up before it ends anybody.
std::size_t cache_of(const fs::path& group, std::string_view name) {
  std::ifstream stream(group / "memory.stat");
  std::string word;
  for (std::size_t bytes = 0; stream >> word >> bytes;)
    if (word == name) return bytes;
  return 0;
}

void tighten(GroupMemory& found, const fs::path& group, const Version& version) {
  const auto limit = number_in(group / version.limit);
  if (!limit || *limit >= found.limit) return;
  const std::size_t used = number_in(group / version.used).value_or(0);
  const std::size_t cache = cache_of(group, version.cache);
  found = {*limit, used > cache ? used - cache : 0};
}

}  // namespace

GroupMemory group_memory(const std::string& groups, const fs::path& root) {
  GroupMemory found{no_limit, 0};
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {  // "0::/path", "4:memory:/path"
    const std::size_t controllers = line.find(':') + 1, path = line.find(':', controllers) + 1;
    if (controllers == 0 || path == 0) continue;
    const bool is_second = line.starts_with("0::");
    if (!is_second && line.substr(controllers, path - controllers - 1) != "memory") continue;
    const fs::path mount = is_second ? root : root / "memory";
    fs::path group = fs::path(line.substr(path)).relative_path();
    for (;; group = group.parent_path()) {
      tighten(found, mount / group, is_second ? second : first);
      if (group.empty()) break;
    }
  }
  return found;
}

}  // namespace tokenwerk
