#include "launch/supervisor/host_list.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "core/data/files.h"
#include "core/error.h"
#include "launch/counted.h"
#include "launch/faults.h"

namespace tokenwerk {
namespace {

constexpr Index largest_file = Index{1} << 24;
constexpr Index most_ranks_of_a_host = 4096;
constexpr std::size_t most_names = std::size_t{1} << 16;

/// The words of a host and where they stand.
struct Entry {
  std::vector<std::string> words;
  std::string place;
};

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::vector<Entry> entries_of_file(const std::string& path) {
  std::vector<Entry> entries;
  std::istringstream stream(read_small_file(path, largest_file));
  Index number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    std::vector<std::string> words = words_of(line.substr(0, line.find('#')));
    if (!words.empty()) entries.push_back({std::move(words), fmt::format("{}:{}", path, number)});
  }
  return entries;
}

/// Adds first-last, "08-10", to the numbers, as wide as the first; false where it is no range.
bool add_range(std::vector<std::string>& numbers, const std::string& range) {
  const std::size_t dash = range.find('-');
  const std::string first = range.substr(0, dash);
  const std::string last = dash == std::string::npos ? first : range.substr(dash + 1);
  const auto from = number_of<Index>(first), to = number_of<Index>(last);
  if (!from || !to || *from < 0 || *to < *from) return false;
  if (static_cast<std::size_t>(*to - *from) >= most_names - std::min(numbers.size(), most_names))
    return false;
  for (Index i = *from; i <= *to; ++i) numbers.push_back(fmt::format("{:0{}}", i, first.size()));
  return true;
}

/// The number of ranks that "n1:4" or "n1 slots=4" names; 0 where it is none, the default where
/// there is none. Cuts it off the name.
Index ranks_in(const std::vector<std::string>& words, std::string& name, Index ranks_per_host) {
  std::optional<std::string> text;
  const std::size_t colon =
      name.find(':', name.find(']') == std::string::npos ? 0 : name.find(']'));
  if (colon != std::string::npos) {
    text = name.substr(colon + 1);
    name.resize(colon);
  }
  for (const std::string& word : words) {
    if (word.starts_with("max_slots=") || word.starts_with("max-slots=")) continue;
    if (!word.starts_with("slots=") || text) return 0;
    text = word.substr(6);
  }
  if (!text) return ranks_per_host;
  const auto ranks = number_of<Index>(*text);
  return ranks && *ranks <= most_ranks_of_a_host ? std::max<Index>(*ranks, 0) : 0;
}

void add_hosts(std::vector<Host>& hosts, const Entry& entry, Index ranks_per_host, Faults& faults) {
  std::string name = entry.words.front();
  const Index ranks = ranks_in({entry.words.begin() + 1, entry.words.end()}, name, ranks_per_host);
  const std::string text = fmt::format("\"{}\"", joined(entry.words, " "));
  if (ranks < 1)
    faults.add(entry.place, "",
               fmt::format("{}: a host takes 1 to {} ranks, as n1:4 or n1 slots=4", text,
                           most_ranks_of_a_host));
  const std::vector<std::string> names = expanded_names(name);
  if (names.empty() || !is_host_name(names.front()))
    faults.add(entry.place, "",
               fmt::format("{} is no host: a name, an IPv4 address, or names as n[1-3,7]", text));
  for (const std::string& one : names) {
    const auto same = [&](const Host& host) { return same_host(host.name, one); };
    if (std::ranges::any_of(hosts, same))
      faults.add(entry.place, "", fmt::format("{} is named twice", one));
    hosts.push_back({one, ranks});
  }
}

}  // namespace

std::vector<Host> read_hosts(const std::string& option, const std::string& file_or_list,
                             Index ranks_per_host) {
  const bool is_file = names_file(option, file_or_list);
  Faults faults;
  std::vector<Host> hosts;
  std::vector<Entry> entries;
  if (is_file) {
    entries = entries_of_file(file_or_list);
  } else {
    for (const std::string& text : list_entries(file_or_list)) {
      entries.push_back({words_of(text), option});
      if (entries.back().words.empty()) entries.back().words = {""};
    }
  }
  for (const Entry& entry : entries) add_hosts(hosts, entry, ranks_per_host, faults);
  if (entries.empty()) faults.add(option, "", fmt::format("{} names no host", file_or_list));
  faults.raise("hosts");
  return hosts;
}

bool names_file(const std::string& option, const std::string& file_or_list) {
  const OpenedFile opened = open_to_read(file_or_list);
  const bool looks_like_one =
      file_or_list.find('/') != std::string::npos || file_or_list.ends_with(".txt");
  TW_CHECK_AS(ConfigError, opened.file || !looks_like_one, option, " ", file_or_list, ": ",
              opened.fault);
  return static_cast<bool>(opened.file);
}

std::vector<std::string> expanded_names(const std::string& text) {
  const std::size_t open = text.find('['), close = text.find(']');
  if (open == std::string::npos && close == std::string::npos) return {text};
  if (open == std::string::npos || close == std::string::npos || close < open) return {};
  const std::string head = text.substr(0, open), tail = text.substr(close + 1);
  if (tail.find('[') != std::string::npos) return {};
  std::vector<std::string> names;
  std::istringstream ranges(text.substr(open + 1, close - open - 1));
  for (std::string range; std::getline(ranges, range, ',');)
    if (!add_range(names, range)) return {};
  for (std::string& name : names) name = fmt::format("{}{}{}", head, name, tail);
  return names;
}

std::vector<std::string> list_entries(const std::string& list) {
  std::vector<std::string> entries(1);
  bool inside = false;
  for (const char c : list) {
    if (c == '[' || c == ']') inside = c == '[';
    if (c == ',' && !inside)
      entries.emplace_back();
    else
      entries.back() += c;
  }
  return entries;
}

bool is_host_name(const std::string& name) {
  const auto legal = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  };
  return !name.empty() && name.front() != '-' && std::ranges::all_of(name, legal);
}

}  // namespace tokenwerk
