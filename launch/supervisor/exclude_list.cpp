#include "launch/supervisor/exclude_list.h"

#include <fmt/core.h>

#include <algorithm>
#include <sstream>

#include "core/data/files.h"
#include "core/error.h"
#include "launch/faults.h"
#include "launch/supervisor/host_list.h"

namespace tokenwerk {
namespace {

constexpr Index largest_file = Index{1} << 24;

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

void add_exclusion(std::vector<Exclusion>& exclusions, const Exclusion& exclusion,
                   const std::string& place, Faults& faults) {
  const std::vector<std::string> names = expanded_names(exclusion.host);
  if (names.empty() || !is_host_name(names.front()))
    faults.add(place, "", fmt::format("\"{}\" is no host", exclusion.host));
  for (const std::string& name : names) {
    const auto same = [&](const auto& one) { return one.host == name; };
    if (std::ranges::none_of(exclusions, same)) exclusions.push_back({name, exclusion.reason});
  }
}

std::vector<Exclusion> exclusions_of_file(const std::string& path, Faults& faults) {
  std::vector<Exclusion> out;
  std::istringstream stream(read_small_file(path, largest_file));
  Index number = 0;
  for (std::string line; std::getline(stream, line);) {
    const std::size_t mark = line.find('#');
    const std::string host = trimmed(line.substr(0, mark));
    const std::string reason = mark == std::string::npos ? "" : trimmed(line.substr(mark + 1));
    ++number;
    if (!host.empty())
      add_exclusion(out, {host, reason}, fmt::format("{}:{}", path, number), faults);
  }
  return out;
}

}  // namespace

std::vector<Exclusion> read_exclusions(const std::string& file_or_list) {
  const bool is_file = names_file("--exclude", file_or_list);
  Faults faults;
  std::vector<Exclusion> out;
  if (is_file) {
    out = exclusions_of_file(file_or_list, faults);
  } else {
    for (const std::string& name : list_entries(file_or_list))
      add_exclusion(out, {trimmed(name), "given by --exclude"}, "--exclude", faults);
  }
  faults.raise("hosts to leave out");
  return out;
}

std::vector<std::string> read_remarks(const std::filesystem::path& file) {
  std::vector<std::string> out;
  std::istringstream stream(read_small_file(file.string(), largest_file));
  std::string line;
  std::getline(stream, line);
  while (std::getline(stream, line))
    if (line.starts_with("# ")) out.push_back(line.substr(2));
  return out;
}

void write_exclusions(const std::filesystem::path& file, const std::vector<Exclusion>& exclusions,
                      const std::vector<std::string>& remarks) {
  AsideFile aside(file.string());
  aside.write("# Hosts to leave out: tokenwerk launch --exclude FILE\n");
  for (const std::string& remark : remarks) aside.write("# " + remark + "\n");
  for (const auto& [host, reason] : exclusions)
    aside.write(host + (reason.empty() ? "" : "  # " + reason) + "\n");
  aside.publish();
}

std::vector<Host> without(const std::vector<Host>& hosts,
                          const std::vector<Exclusion>& exclusions) {
  std::vector<Host> out;
  for (const Host& host : hosts) {
    const auto names = [&](const Exclusion& one) { return same_host(one.host, host.name); };
    if (std::ranges::none_of(exclusions, names)) out.push_back(host);
  }
  return out;
}

std::vector<Exclusion> strangers(const std::vector<Exclusion>& exclusions,
                                 const std::vector<Host>& hosts) {
  std::vector<Exclusion> out;
  for (const Exclusion& one : exclusions) {
    const auto is = [&](const Host& host) { return same_host(one.host, host.name); };
    if (std::ranges::none_of(hosts, is)) out.push_back(one);
  }
  return out;
}

}  // namespace tokenwerk
