#include "launch/progress_bar.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/seconds.h"

namespace tokenwerk {

ProgressBar::ProgressBar(std::string title, Index total)
    : title_(std::move(title)),
      total_(std::max<Index>(total, 1)),
      output_(isatty(STDERR_FILENO) ? Output::terminal : Output::plain) {}

ProgressBar::~ProgressBar() {
  if (output_ == Output::terminal) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::update(Index done) {
  using namespace std::chrono_literals;
  const auto now = Clock::now();
  if (now - shown_ < (output_ == Output::terminal ? 100ms : 10s)) return;
  shown_ = now;
  const double seconds = seconds_between(start_, now);
  const double fraction = static_cast<double>(done) / static_cast<double>(total_);
  const std::string line = text(std::min(fraction, 1.0), seconds);
  if (output_ == Output::terminal) {
    fmt::print(stderr, "\r{}\x1b[K", line);
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

std::string ProgressBar::text(double fraction, double seconds) const {
  constexpr int width = 30;
  const int filled = static_cast<int>(fraction * width);
  const double megabytes = static_cast<double>(total_) / 1e6;
  const double left = fraction > 0.0 ? seconds / fraction - seconds : 0.0;
  return fmt::format("{} [{}{}] {:3.0f} % of {:.1f} MB, {:.1f} MB/s, {:.0f} s left", title_,
                     std::string(static_cast<std::size_t>(filled), '#'),
                     std::string(static_cast<std::size_t>(width - filled), '.'), 100.0 * fraction,
                     megabytes, seconds > 0.0 ? fraction * megabytes / seconds : 0.0, left);
}

}  // namespace tokenwerk
