#pragma once
/// What actions make for each other: the edges of a schedule's graph.

#include <compare>
#include <optional>
#include <vector>

#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// What a stage makes of a micro-batch that other actions use.
struct Result {
  enum class Kind : std::uint8_t { activation, input_gradient };
  Kind kind{};
  int stage = 0;
  int microbatch = 0;

  friend auto operator<=>(const Result&, const Result&) = default;
};

/// Up to two results: one from a neighbouring stage, which may lie on another rank, one of the
/// stage itself.
struct Needs {
  std::optional<Result> neighbour;
  std::optional<Result> own;
};

/// What an action uses. The forward of a stage needs the activation of the stage before it; the
/// input gradient needs the stage's own activation and the input gradient of the stage behind it;
/// the weight gradient needs what the stage's own input gradient left.
[[nodiscard]] Needs needs_of(const Action& action, int stages);

/// What an action makes; nothing for a weight gradient.
[[nodiscard]] std::optional<Result> result_of(const Action& action);

/// The stage that waits for a result, or -1: the next one for an activation, the one before for a
/// gradient.
[[nodiscard]] int reader_of(const Result& result, int stages);

/// Counts the results that a schedule can have: 0 to count() - 1.
class ResultNumbers {
 public:
  explicit ResultNumbers(const PipelineSchedule& schedule)
      : microbatches_(static_cast<std::size_t>(schedule.microbatches)),
        one_kind_(static_cast<std::size_t>(schedule.stages()) * microbatches_) {}

  [[nodiscard]] std::size_t count() const { return 2 * one_kind_; }
  [[nodiscard]] std::size_t operator()(const Result& result) const {
    return static_cast<std::size_t>(result.kind) * one_kind_ +
           static_cast<std::size_t>(result.stage) * microbatches_ +
           static_cast<std::size_t>(result.microbatch);
  }

 private:
  std::size_t microbatches_;
  std::size_t one_kind_;
};

/// One value for each result.
template <typename T>
class ResultTable {
 public:
  ResultTable(const PipelineSchedule& schedule, T first)
      : number_(schedule), values_(number_.count(), first) {}

  [[nodiscard]] T& operator[](const Result& result) { return values_[number_(result)]; }
  [[nodiscard]] const T& operator[](const Result& result) const { return values_[number_(result)]; }

 private:
  ResultNumbers number_;
  std::vector<T> values_;
};

}  // namespace tokenwerk
