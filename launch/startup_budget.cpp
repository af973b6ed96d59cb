#include "launch/startup_budget.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <numeric>
#include <sstream>

#include "core/seconds.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

constexpr std::array<const char*, StartupBudget::phases> names = {
    "loading", "MPI",   "recipe",     "device",    "communicators",
    "data",    "model", "checkpoint", "first step"};

/// Seconds since the system started this process; 0 where it does not tell. Field 22 of
/// /proc/self/stat, in clock ticks since the machine started (proc(5)); the fields before stand
/// behind the program's name in brackets.
double process_seconds() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0.0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  timespec now{};
  if (!fields || clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0.0;
  const double started = std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - started;
}

}  // namespace

StartupBudget::Stretch::~Stretch() { *seconds_ += seconds_since(begun_); }

StartupBudget::StartupBudget(double mpi_seconds) : before_(process_seconds()) {
  seconds_[mpi] = mpi_seconds;
  seconds_[loading] = std::max(0.0, before_ - mpi_seconds);
}

std::string StartupBudget::report(Communicator& ranks) const {
  std::array<double, phases + 2> figures{};  // behind the phases: what they leave over, the whole
  std::copy(seconds_.begin(), seconds_.end(), figures.begin());
  const double whole = before_ + seconds_since(begun_);
  const double known = std::accumulate(seconds_.begin(), seconds_.end(), 0.0);
  figures[phases] = std::max(0.0, whole - known);
  figures[phases + 1] = whole;
  all_reduce(ranks, figures, Reduction::max);
  std::string text = fmt::format("{:.2f} s to the end of the first step", figures[phases + 1]);
  const char* separator = ": ";
  for (std::size_t i = 0; i < phases; ++i, separator = ", ")
    text += fmt::format("{}{} {:.2f}", separator, names[i], figures[i]);
  return text + fmt::format(", other {:.2f}{}", figures[phases],
                            ranks.size() > 1 ? " (of each the slowest rank's)" : "");
}

}  // namespace tokenwerk
