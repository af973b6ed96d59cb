/// What the table of keys says about values: legal ones, defaults, texts, suggestions.

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "launch/nearest.h"
#include "launch/recipe_keys.h"

namespace tokenwerk {
namespace {

constexpr Index largest_count = std::numeric_limits<std::int32_t>::max();

/// "a, b or c"
std::string alternatives(const std::vector<std::string_view>& words) {
  if (words.size() == 1) return std::string(words[0]);
  const auto last = words.end() - 1;
  return fmt::format("{} or {}", fmt::join(words.begin(), last, ", "), *last);
}

bool is_integer(const RecipeKey& key) {
  return std::holds_alternative<Access<Index>>(key.member) ||
         std::holds_alternative<Access<std::optional<Index>>>(key.member) ||
         key.legal == Legal::interval;
}

struct Range {
  Index least, most;
};
Range range_of(const RecipeKey& key) {
  switch (key.legal) {
    case Legal::positive: return {1, largest_count};
    case Legal::up_to_three: return {0, 3};
    case Legal::any_integer: return {0, std::numeric_limits<Index>::max()};
    default: return {0, largest_count};
  }
}

std::string not_legal(const RecipeKey& key, const std::string& value, Index nearest) {
  return fmt::format("{} is not {}; the nearest legal value is {}", value, legal_text(key),
                     nearest);
}
std::string too_large(const std::string& value, Index most) {
  return fmt::format("{} is too large; the nearest legal value is {}", value, most);
}

std::string escaped(char c) {
  switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\t': return "\\t";
    default: break;
  }
  const auto code = static_cast<unsigned char>(c);
  return code < 0x20 || code == 0x7f ? fmt::format("\\u{:04x}", code) : std::string(1, c);
}

/// The section and the name of "section.name"; a path without a dot is all name.
struct Split {
  std::string_view section, name;
};
Split split(std::string_view path) {
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return {{}, path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

}  // namespace

std::string RecipeKey::path() const { return fmt::format("{}.{}", section, name); }

const RecipeKey* find_recipe_key(std::string_view path) {
  const auto [section, name] = split(path);
  for (const RecipeKey& key : recipe_keys())
    if (key.section == section && key.name == name) return &key;
  return nullptr;
}

const RecipeKey& nearest_recipe_key(std::string_view path) {
  const auto [section, name] = split(path);
  const auto mistakes = [&](const RecipeKey& key) {
    const int elsewhere = edit_distance(name, key.name) + (section == key.section ? 0 : 2);
    return std::min(edit_distance(path, key.path()), elsewhere);
  };
  return *std::ranges::min_element(recipe_keys(), {}, mistakes);
}

std::string_view nearest_section(std::string_view section) {
  std::vector<std::string_view> sections;
  for (const RecipeKey& key : recipe_keys()) sections.push_back(key.section);
  return nearest(section, sections);
}

std::string legal_text(const RecipeKey& key) {
  const char* number = is_integer(key) ? "an integer" : "a number";
  switch (key.legal) {
    case Legal::positive: return fmt::format("{} above 0", number);
    case Legal::not_negative: return fmt::format("{}, 0 or more", number);
    case Legal::up_to_three: return "0, 1, 2 or 3";
    case Legal::below_one: return "a number from 0 to below 1";
    case Legal::any_integer: return "an integer, 0 or more";
    case Legal::choice: return alternatives(key.choices);
    case Legal::text: return "text";
    case Legal::counts: return "numbers above 0, as 3,4,4,3";
    case Legal::interval: return "an integer, 0 or more, or auto";
    case Legal::flag: return "true or false";
  }
  return {};
}

bool is_required(const RecipeKey& key) {
  bool required = false;
  with_value(key, Recipe{}, [&](const auto& value) { required = !fault_of(key, value).empty(); });
  return required;
}

std::string default_text(const RecipeKey& key) {
  if (is_required(key)) return "required";
  std::string text(key.default_text);
  with_value(key, Recipe{}, [&]<typename T>(const T& value) {
    if constexpr (std::is_same_v<T, std::string>)
      text = value;
    else
      text = value_text(value);
  });
  return text;
}

std::string value_text(Index value) { return fmt::format("{}", value); }
std::string value_text(bool value) { return value ? "true" : "false"; }

std::string value_text(double value) {
  std::string text = fmt::format("{}", value);  // the shortest that reads back as the same bits
  const bool integral = text.find_first_not_of("-0123456789") == std::string::npos;
  return integral ? text + ".0" : text;
}

std::string value_text(const std::string& value) {
  std::string text = "\"";
  for (char c : value) text += escaped(c);
  return text + "\"";
}

std::string value_text(const StepInterval& value) {
  return value.steps ? value_text(*value.steps) : "\"auto\"";
}

std::string fault_of(const RecipeKey& key, Index value) {
  const auto [least, most] = range_of(key);
  if (value >= least && value <= most) return {};
  const std::string text = fmt::format("{}", value);
  if (value > most && key.legal != Legal::up_to_three) return too_large(text, most);
  return not_legal(key, text, std::clamp(value, least, most));
}

std::string fault_of_text(const RecipeKey& key, const std::string& text) {
  const bool negative = text.starts_with('-');
  const std::string_view digits = std::string_view(text).substr(negative ? 1 : 0);
  const bool whole = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
  if (!is_integer(key) || !whole) return fmt::format("\"{}\" is not {}", text, legal_text(key));
  const auto [least, most] = range_of(key);
  if (negative || key.legal == Legal::up_to_three)
    return not_legal(key, text, negative ? least : most);
  return too_large(text, most);
}

std::string fault_of(const RecipeKey& key, double value) {
  const bool above = key.legal == Legal::positive ? value > 0 : value >= 0;
  const bool below = key.legal == Legal::below_one ? value < 1 : std::isfinite(value);
  if (above && below) return {};
  const std::string fault = fmt::format("{} is not {}", value, legal_text(key));
  if (std::isnan(value) || key.legal == Legal::positive || value > 0) return fault;
  return fault + "; the nearest legal value is 0";
}

std::string fault_of(const RecipeKey&, bool) { return {}; }

std::string fault_of(const RecipeKey& key, const StepInterval& value) {
  return value.steps ? fault_of(key, *value.steps) : std::string();
}

std::string fault_of(const RecipeKey& key, const std::string& value) {
  if (key.legal == Legal::text || key.legal == Legal::counts)
    return value.empty() ? "is empty" : "";
  if (std::ranges::find(key.choices, value) != key.choices.end()) return {};
  return fmt::format("{} is not {}; the nearest legal value is {}", value_text(value),
                     legal_text(key), nearest(value, key.choices));
}

}  // namespace tokenwerk
