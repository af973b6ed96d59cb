#include "launch/supervisor/hosts.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>
#include <set>
#include <sstream>

#include "core/data/files.h"
#include "core/error.h"
#include "launch/counted.h"
#include "launch/faults.h"
#include "launch/supervisor/child_process.h"

namespace tokenwerk {
namespace {

constexpr Index largest_file = Index{1} << 24;
constexpr Index most_ranks_of_a_host = 4096;
constexpr std::size_t most_names = 8;

/// A host's text and where it stands.
struct Entry {
  std::string text, place;
};

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<Entry> entries_of_file(const std::string& path) {
  std::vector<Entry> entries;
  std::istringstream stream(read_small_file(path, largest_file));
  Index number = 0;
  for (std::string line; std::getline(stream, line);) {
    const std::string text = trimmed(line.substr(0, line.find('#')));
    if (++number; !text.empty()) entries.push_back({text, fmt::format("{}:{}", path, number)});
  }
  return entries;
}

std::vector<Entry> entries_of_list(const std::string& list) {
  std::vector<Entry> entries;
  std::istringstream stream(list);
  for (std::string text; std::getline(stream, text, ',');)
    entries.push_back({trimmed(text), "--hosts"});
  return entries;
}

/// "n1", "n1:4", "n1 slots=4"
Host host_of(const Entry& entry, Index ranks_per_host, Faults& faults) {
  std::string text = entry.text;
  if (const std::size_t slots = text.find(" slots="); slots != std::string::npos)
    text = trimmed(text.substr(0, slots)) + ":" + text.substr(slots + 7);
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const bool named = !name.empty() && name.find_first_of(" \t=/") == std::string::npos;
  if (!named) faults.add(entry.place, "", fmt::format("\"{}\" is no host", entry.text));
  if (colon == std::string::npos) return {name, ranks_per_host};
  const auto ranks = number_of<Index>(text.substr(colon + 1));
  if (!ranks || *ranks < 1 || *ranks > most_ranks_of_a_host) {
    faults.add(entry.place, "",
               fmt::format("\"{}\": a host takes 1 to {} ranks", entry.text, most_ranks_of_a_host));
  }
  return {name, ranks.value_or(1)};
}

}  // namespace

std::vector<Host> read_hosts(const std::string& file_or_list, Index ranks_per_host) {
  const bool is_file = static_cast<bool>(open_to_read(file_or_list).file);
  TW_CHECK_AS(ConfigError, is_file || file_or_list.find('/') == std::string::npos, "--hosts ",
              file_or_list, ": ", open_to_read(file_or_list).fault);
  Faults faults;
  std::vector<Host> hosts;
  std::set<std::string> names;
  for (const Entry& entry :
       is_file ? entries_of_file(file_or_list) : entries_of_list(file_or_list)) {
    hosts.push_back(host_of(entry, ranks_per_host, faults));
    if (!names.insert(hosts.back().name).second)
      faults.add(entry.place, "", fmt::format("{} is named twice", hosts.back().name));
  }
  if (hosts.empty()) faults.add("--hosts", "", fmt::format("{} names no host", file_or_list));
  faults.raise();
  return hosts;
}

std::vector<Host> hosts_of_slurm_job(Index ranks_per_host) {
  const char* nodes = std::getenv("SLURM_JOB_NODELIST");
  if (nodes == nullptr || *nodes == '\0') return {};
  const auto names = output_of({"scontrol", "show", "hostnames", nodes}, std::chrono::seconds(30));
  TW_CHECK_AS(DeviceError, names && !names->empty(), "scontrol does not tell the hosts of ", nodes);
  std::vector<Host> hosts;
  for (const std::string& name : *names) hosts.push_back({name, ranks_per_host});
  return hosts;
}

std::string own_host_name() {
  std::array<char, 256> text{};
  return gethostname(text.data(), text.size() - 1) == 0 ? text.data() : "localhost";
}

Index ranks_of(const std::vector<Host>& hosts) {
  return std::accumulate(hosts.begin(), hosts.end(), Index{0},
                         [](Index sum, const Host& host) { return sum + host.ranks; });
}

std::string names_of(const std::vector<Host>& hosts) {
  std::string text;
  for (std::size_t i = 0; i < std::min(hosts.size(), most_names); ++i)
    text += (i == 0 ? "" : ", ") + hosts[i].name;
  if (hosts.size() > most_names) text += fmt::format(" and {} more", hosts.size() - most_names);
  return text;
}

}  // namespace tokenwerk
