#pragma once
/// How a run looks on the console: one live line on a terminal, otherwise a line now and then.

#include <cstdio>
#include <string>
#include <string_view>

#include "launch/metrics.h"

namespace tokenwerk {

/// Where progress is shown.
struct Console {
  enum class Kind {
    silent,    ///< ranks but the first
    lines,     ///< a file or a pipe
    terminal,  ///< one line, written over
  };
  std::FILE* file = stdout;
  Kind kind = Kind::lines;
};

/// The program's standard output as this rank sees it.
[[nodiscard]] Console standard_console(int rank);

/// "step 120/2000  loss 3.412  lr 2.9e-04  ...": as many fields as fit into `width` columns, and at
/// least the step. What was not measured is left out.
[[nodiscard]] std::string progress_text(const StepMetrics& metrics, Index steps, int width);

/// "42 s", "3 min 20 s", "2 h 05 min", "4 d 01 h"
[[nodiscard]] std::string duration_text(double seconds);

class ProgressLine {
 public:
  /// `every` and `steps` as in log.every and training.steps.
  ProgressLine(Console console, Index every, Index steps);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { finish(); }

  void show(const StepMetrics& metrics);
  /// A line of its own, for what happens now and then: a validation, a checkpoint.
  void note(std::string_view text);
  /// Leaves the live line as it is and goes below it.
  void finish();

 private:
  /// What wipes the live line.
  [[nodiscard]] std::string wipe() const;
  void write(const std::string& text);

  Console console_;
  Index every_;
  Index steps_;
  std::string live_;      ///< what the live line shows
  bool failing_ = false;  ///< the console takes nothing
};

}  // namespace tokenwerk
