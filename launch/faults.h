#pragma once
/// Faults of user input, collected so that the user hears of all of them at once.

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tokenwerk {

/// What is wrong with a recipe, key by key. Checks that relate several keys first ask `any_of`, so
/// that one mistake is not reported twice.
class Faults {
 public:
  /// `where` is a place in a file or a flag; empty if there is none to name.
  void add(const std::string& where, std::string_view key, std::string_view what);
  /// Says that a key is not to be missed: a misspelt one stands for it.
  void excuse(std::string_view key) { excused_.emplace(key); }

  [[nodiscard]] bool empty() const { return lines_.empty(); }
  [[nodiscard]] bool has(std::string_view key) const { return keys_.contains(key); }
  /// Whether one of the keys has a fault or is excused.
  [[nodiscard]] bool any_of(std::initializer_list<std::string_view> keys) const;
  /// Throws a ConfigError with one line a fault, in the order of adding; returns if there is none.
  void raise(std::string_view in = "the recipe") const;

 private:
  std::vector<std::string> lines_;
  std::set<std::string, std::less<>> keys_, excused_;
};

}  // namespace tokenwerk
