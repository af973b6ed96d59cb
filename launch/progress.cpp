#include "launch/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/log.h"

namespace tokenwerk {
namespace {

constexpr int unlimited = 1 << 20;

/// Columns of the terminal now: a window may change its size under a long run.
int width_of(const Console& console) {
  if (console.kind != Console::Kind::terminal) return unlimited;
  winsize size{};
  const bool known = ioctl(fileno(console.file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col - 1 : 79;  // the last column would wrap on some terminals
}

/// "1234", "56.7k", "8.90M"
std::string count_text(double count) {
  if (count < 1e4) return fmt::format("{:.0f}", count);
  if (count < 1e6) return fmt::format("{:.1f}k", count / 1e3);
  return fmt::format("{:.2f}M", count / 1e6);
}

/// Whether somebody watches. mpirun gives its ranks a terminal of its own, wherever its output
/// goes: under it, what counts is the launcher's, which is the parent of a rank on the same host.
bool output_is_watched() {
  if (isatty(STDOUT_FILENO) == 0) return false;
  if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) return true;
  std::error_code error;
  const std::string output =
      std::filesystem::read_symlink(fmt::format("/proc/{}/fd/1", getppid()), error).string();
  return output.starts_with("/dev/pts/") || output.starts_with("/dev/tty");
}

}  // namespace

Console standard_console(int rank) {
  if (rank != 0) return {stdout, Console::Kind::silent};
  return {stdout, output_is_watched() ? Console::Kind::terminal : Console::Kind::lines};
}

std::string duration_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e12) return "?";
  const auto s = static_cast<Index>(std::llround(seconds));
  constexpr Index minute = 60, hour = 60 * minute, day = 24 * hour;
  if (s < minute) return fmt::format("{} s", s);
  if (s < hour) return fmt::format("{} min {:02} s", s / minute, s % minute);
  if (s < day) return fmt::format("{} h {:02} min", s / hour, s % hour / minute);
  return fmt::format("{} d {:02} h", s / day, s % day / hour);
}

std::string progress_text(const StepMetrics& m, Index steps, int width) {
  std::vector<std::string> fields{
      fmt::format("step {}/{}", m.step, steps), fmt::format("loss {:.4f}", m.loss),
      fmt::format("lr {:.2e}", m.learning_rate), fmt::format("grad norm {:.3f}", m.grad_norm),
      fmt::format("{} tokens/s", count_text(m.tokens_per_second))};
  if (!m.straggler.empty()) fields.push_back("slow: " + m.straggler);
  if (m.skipped) fields.insert(fields.begin() + 1, "skipped");
  if (m.mfu) fields.push_back(fmt::format("MFU {:.1f} %", 100 * *m.mfu));
  if (m.goodput) fields.push_back(fmt::format("goodput {:.0f} %", 100 * *m.goodput));
  if (m.eta_seconds) fields.push_back("ETA " + duration_text(*m.eta_seconds));
  std::string text = fields[0];
  for (std::size_t i = 1; i < fields.size(); ++i) {
    if (std::ssize(text) + 2 + std::ssize(fields[i]) > width) break;
    text += "  " + fields[i];
  }
  return text;
}

ProgressLine::ProgressLine(Console console, Index every, Index steps)
    : console_(console), every_(every), steps_(steps) {}

void ProgressLine::show(const StepMetrics& metrics) {
  if (console_.kind == Console::Kind::silent) return;
  const bool live = console_.kind == Console::Kind::terminal;
  if (!live && metrics.step % every_ != 0 && metrics.step != steps_) return;
  const std::string text = progress_text(metrics, steps_, width_of(console_));
  write(wipe() + text + (live ? "" : "\n"));
  if (live) live_ = text;
}

void ProgressLine::note(std::string_view text) {
  if (console_.kind == Console::Kind::silent) return;
  write(fmt::format("{}{}\n{}", wipe(), text, live_));
}

void ProgressLine::finish() {
  if (live_.empty()) return;
  write("\n");
  live_.clear();
}

/// To the line's start, then erase to its end.
std::string ProgressLine::wipe() const { return live_.empty() ? "" : "\r\x1b[K"; }

/// A console may be a file on a full disk: what it refuses is dropped, and the run goes on.
void ProgressLine::write(const std::string& text) {
  const bool whole = std::fwrite(text.data(), 1, text.size(), console_.file) == text.size();
  const bool written = whole && std::fflush(console_.file) == 0;
  if (!written) {
    if (!failing_)
      log_warning("standard output cannot be written: {}; progress stands in metrics.jsonl",
                  std::strerror(errno));
    std::clearerr(console_.file);
  }
  failing_ = !written;
}

}  // namespace tokenwerk
