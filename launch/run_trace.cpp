#include "launch/run_trace.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/log.h"
#include "launch/counted.h"
#include "launch/trace_file.h"

namespace tokenwerk {
namespace {

/// Events a rank keeps at most, about 30 MB; in a run of many ranks less, for the file's sake.
std::size_t most_events(int ranks) {
  constexpr std::size_t of_a_rank = std::size_t{1} << 17, of_all = std::size_t{1} << 22;
  return std::min(of_a_rank, std::max<std::size_t>(512, of_all / static_cast<std::size_t>(ranks)));
}

/// What a rank sent along each axis that it used.
std::vector<TraceArgument> bytes_by_axis(const Traffic& sent) {
  std::vector<TraceArgument> arguments;
  for (std::size_t i = 0; i < axis_count; ++i) {
    const auto axis = static_cast<Axis>(i);
    MessageCount sum;
    for (std::size_t k = 0; k < collective_count; ++k)
      sum += sent.at(axis, static_cast<Collective>(k));
    if (sum.messages > 0)
      arguments.push_back({fmt::format("{}_bytes_sent", name_of(axis)), sum.bytes});
  }
  return arguments;
}

}  // namespace

RunTrace::RunTrace(MpiEnvironment& environment, const Recipe& recipe)
    : environment_(&environment),
      file_(std::filesystem::path(recipe.log.directory) / "trace.json") {
  if (!recipe.log.trace.value_or(false)) return;
  recorder_.emplace(most_events(environment.size()));
  environment.trace_into(&*recorder_);
}

RunTrace::~RunTrace() {
  if (recorder_) environment_->trace_into(nullptr);
}

void RunTrace::check() const {
  if (recorder_) check_trace_file(file_);
}

void RunTrace::begin_step() {
  ++steps_;
  if (!recorder_) return;
  if (steps_ == first_step) recorder_->start();
  step_begin_ = std::chrono::steady_clock::now();
}

void RunTrace::end_step(Index step, const Traffic& sent) {
  if (!recorder_ || !recorder_->recording()) return;
  recorder_->add({.name = fmt::format("step {}", step),
                  .category = "step",
                  .track = TraceRecorder::compute_track,
                  .start = step_begin_,
                  .end = std::chrono::steady_clock::now(),
                  .arguments = bytes_by_axis(sent)});
  if (steps_ == last_step) recorder_->stop();
}

void RunTrace::write(Communicator& world) {
  recorder_->stop();
  written_ = true;
  if (const std::error_code fault = write_trace(world, file_, *recorder_, environment_->host()))
    return log_warning("no timeline: {} cannot be written: {}", file_.string(), fault.message());
  log_info("timeline of {} in {}: open it in ui.perfetto.dev",
           count_of(std::min(steps_, last_step) - first_step + 1, "step"), file_.string());
  if (const auto dropped = static_cast<Index>(recorder_->dropped()); dropped > 0)
    log_warning("the timeline lacks {} that did not fit", count_of(dropped, "event"));
}

void RunTrace::finish(Communicator& world) {
  if (!recorder_ || written_) return;
  if (steps_ < first_step) return log_info("no timeline: log.trace wants two steps");
  write(world);
}

}  // namespace tokenwerk
