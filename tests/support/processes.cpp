#include "tests/support/processes.h"

#include <fstream>
#include <optional>
#include <string>

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

/// Nothing where it has ended.
std::optional<Process> process(pid_t pid) {
  const fs::path folder = fs::path("/proc") / std::to_string(pid);
  std::ifstream file(folder / "stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // "71 (name) S 70 ...": the name may hold anything.
  const std::size_t state = line.rfind(')') + 2;
  if (state >= line.size() || line[state] == 'Z' || line[state] == 'X') return std::nullopt;
  std::error_code ended;
  return Process{pid, static_cast<pid_t>(std::stol(line.substr(state + 1))),
                 fs::read_symlink(folder / "exe", ended)};
}

std::vector<Process> all_processes() {
  std::vector<Process> out;
  std::error_code fault;
  for (fs::directory_iterator entry("/proc", fault); !fault && entry != fs::directory_iterator();
       entry.increment(fault)) {
    const std::string name = entry->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (auto found = process(static_cast<pid_t>(std::stol(name)))) out.push_back(*found);
  }
  return out;
}

}  // namespace

std::vector<Process> descendants_of(pid_t ancestor) {
  const std::vector<Process> all = all_processes();
  std::vector<Process> out;
  const auto add_children = [&](pid_t parent) {
    for (const Process& each : all)
      if (each.parent == parent) out.push_back(each);
  };
  add_children(ancestor);
  for (std::size_t i = 0; i < out.size(); ++i) add_children(out[i].pid);
  return out;
}

bool is_running(pid_t pid) { return process(pid).has_value(); }

}  // namespace tokenwerk
