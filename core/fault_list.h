#pragma once
/// What is wrong with an input that may be wrong in a million places.

#include <fmt/core.h>

#include <string>
#include <vector>

namespace tokenwerk {

/// Keeps the first faults and counts the others.
class FaultList {
 public:
  FaultList() = default;
  explicit FaultList(const std::vector<std::string>& faults) {
    for (const std::string& fault : faults) add(fault);
  }

  void add(std::string fault) {
    if (count_++ < most) lines_.push_back(std::move(fault));
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  /// Those that are kept, then "and 7 more".
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> lines = lines_;
    if (count_ > most) lines.push_back(fmt::format("and {} more", count_ - most));
    return lines;
  }

 private:
  static constexpr std::size_t most = 20;

  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

}  // namespace tokenwerk
