#pragma once
/// Pipeline schedules as data: what each rank does, in order, with which micro-batch.
///
/// Schedules are made by pure functions (generators.h) or read from text (schedule_text.h), proven
/// sound (validate.h), timed (simulate.h) and run by one interpreter. Nothing here knows ranks of a
/// mesh, messages or tensors: a rank is a place in the pipeline, 0 to ranks() - 1.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tokenwerk {

/// `backward` is `backward_input` (the gradient that the stage before waits for) and
/// `backward_weight` (the gradients of the stage's own weights, which nobody waits for) in one.
enum class Work : std::uint8_t { forward, backward, backward_input, backward_weight };

/// More stages are a slip of the keyboard.
inline constexpr int most_stages = 4096;

/// F, B, I or W.
[[nodiscard]] char letter_of(Work work);

/// One stage's work on one micro-batch.
struct Action {
  int stage = 0;
  Work work{};
  int microbatch = 0;

  friend bool operator==(const Action&, const Action&) = default;
};

/// "2F0": stage 2, forward, micro-batch 0.
[[nodiscard]] std::string text_of(const Action& action);

/// Element i of a vector. Ranks, stages and places are ints here, vectors count in another type.
template <typename Vector>
[[nodiscard]] decltype(auto) at(Vector& values, int i) {
  return values[static_cast<std::size_t>(i)];
}

/// Who runs which stage, and every rank's actions in order.
struct PipelineSchedule {
  std::string name;
  int microbatches = 0;
  std::vector<int> rank_of_stage;            ///< stage -> pipeline rank
  std::vector<std::vector<Action>> program;  ///< per pipeline rank, in order

  [[nodiscard]] int ranks() const { return static_cast<int>(program.size()); }
  [[nodiscard]] int stages() const { return static_cast<int>(rank_of_stage.size()); }

  friend bool operator==(const PipelineSchedule&, const PipelineSchedule&) = default;
};

}  // namespace tokenwerk
