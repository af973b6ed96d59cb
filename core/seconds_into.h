#pragma once
/// A stopwatch that adds up.

#include <chrono>

namespace tokenwerk {

/// Adds the seconds of its life to a sum.
class SecondsInto {
 public:
  explicit SecondsInto(double& sum) : sum_(sum) {}
  SecondsInto(const SecondsInto&) = delete;
  SecondsInto& operator=(const SecondsInto&) = delete;
  ~SecondsInto() {
    sum_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  double& sum_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace tokenwerk
