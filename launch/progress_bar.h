#pragma once
/// How far a long piece of work has come.

#include <chrono>
#include <string>

#include "core/dtype.h"

namespace tokenwerk {

/// A live bar on standard error where that is a terminal, otherwise a plain line every ten seconds
/// (nothing for work shorter than that).
class ProgressBar {
 public:
  /// `total` is in bytes.
  ProgressBar(std::string title, Index total);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// Clears the bar.
  ~ProgressBar();

  /// Cheap: shows something only when enough time has passed.
  void update(Index done);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Output { terminal, plain };

  [[nodiscard]] std::string text(double fraction, double seconds) const;

  std::string title_;
  Index total_;
  Output output_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_ = start_;
};

}  // namespace tokenwerk
