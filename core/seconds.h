#pragma once
/// Seconds that have passed, by the steady clock.

#include <chrono>

namespace tokenwerk {

[[nodiscard]] inline double seconds_between(std::chrono::steady_clock::time_point start,
                                            std::chrono::steady_clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

[[nodiscard]] inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return seconds_between(start, std::chrono::steady_clock::now());
}

/// Adds the seconds of its life to a sum.
class SecondsInto {
 public:
  explicit SecondsInto(double& sum) : sum_(sum) {}
  SecondsInto(const SecondsInto&) = delete;
  SecondsInto& operator=(const SecondsInto&) = delete;
  ~SecondsInto() { sum_ += seconds_since(start_); }

 private:
  double& sum_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace tokenwerk
