#include "launch/faults.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/error.h"

namespace tokenwerk {

void Faults::add(const std::string& where, std::string_view key, std::string_view what) {
  std::string line = where;
  const bool is_named = !key.empty() && line == fmt::format("--{}", key);
  for (std::string_view part : {is_named ? std::string_view() : key, what})
    if (!part.empty()) line += fmt::format("{}{}", line.empty() ? "" : ": ", part);
  lines_.push_back(std::move(line));
  keys_.emplace(key);
}

bool Faults::any_of(std::initializer_list<std::string_view> keys) const {
  return std::ranges::any_of(
      keys, [&](std::string_view key) { return keys_.contains(key) || excused_.contains(key); });
}

void Faults::raise(std::string_view in) const {
  if (lines_.size() == 1) TW_RAISE(ConfigError, lines_[0]);
  const std::string all = joined(lines_, "\n");
  if (!lines_.empty()) TW_RAISE(ConfigError, lines_.size(), " faults in ", in, ":\n", all);
}

}  // namespace tokenwerk
