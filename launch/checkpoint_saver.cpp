#include "launch/checkpoint_saver.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/seconds.h"
#include "launch/machine.h"
#include "launch/progress.h"
#include "launch/save_interval.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

constexpr double mib = 1024.0 * 1024.0;
/// Of the memory that the system calls available, for copies: it is a guess of the system's.
constexpr double most_of_memory = 0.8;

}  // namespace

class CheckpointSaver::Blocking {
 public:
  explicit Blocking(CheckpointSaver& saver) : saver_(&saver) {
    saver.blocking_since_ = Clock::now();
  }
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;
  ~Blocking() {
    saver_->blocked_ = saver_->blocked_seconds();
    saver_->blocking_since_.reset();
  }

 private:
  CheckpointSaver* saver_;
};

double CheckpointSaver::blocked_seconds() const {
  return blocked_ + (blocking_since_ ? seconds_since(*blocking_since_) : 0.0);
}

CheckpointSaver::CheckpointSaver(const CheckpointSection& section, Communicator& ranks,
                                 int ranks_on_host, RunLog& log, std::optional<Index> saved,
                                 std::optional<LocalTier> local)
    : section_(section),
      ranks_(&ranks),
      ranks_on_host_(ranks_on_host),
      log_(&log),
      saved_step_(saved),
      snapshot_(ranks.device()) {
  if (!section_.async.value()) copies_fit_ = false;
  if (local) local_.emplace(std::move(*local), section_, log);
}

double CheckpointSaver::interval_seconds() const {
  // Saving more often than a checkpoint can be written would block training.
  return std::max(save_interval_seconds(cost_, section_.mtbf_hours.value()), written_);
}

StepFlags CheckpointSaver::flags(Index step) const {
  const std::optional<Index> every = section_.every.steps;
  StepFlags flags;
  if (every)
    flags.save = *every > 0 && step % *every == 0;
  else
    flags.save = ranks_->rank() == 0 && seconds_since(begun_) >= interval_seconds();
  flags.writing =
      work_.valid() && work_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
  flags.save_local = local_ && local_->due(step);
  flags.writing_local = local_ && local_->working();
  return flags;
}

StepFlags CheckpointSaver::advance(Index step, StepFlags of_any) {
  if (local_ && !of_any.writing_local) local_->advance();
  if (save_ && !of_any.writing) {
    const Blocking blocking(*this);
    next_stage();
  }
  if (of_any.save_local && !of_any.save && save_ && stage_ == Stage::writing) {
    of_any.save_local = false;
    if (section_.local_every.steps)
      log_->note(fmt::format(
          "step {}  no local generation: the checkpoint of step {} is being written", step, step_));
  }
  return of_any;
}

void CheckpointSaver::wait_for_copy() {
  if (!copied_.valid()) return;
  const Clock::time_point start = Clock::now();
  std::exchange(copied_, {}).get();
  const double seconds = seconds_since(start);
  if (save_ && stage_ == Stage::writing)
    blocked_ += seconds;
  else if (local_)
    local_->add_blocked(seconds);
}

void CheckpointSaver::wait() {
  wait_for_copy();  // of what could not be copied nothing is published
  if (local_) local_->wait();
  if (!save_) return;
  const Blocking blocking(*this);
  end();
}

void CheckpointSaver::end() {
  while (save_) next_stage();
}

void CheckpointSaver::save(const Savable& what, const StepFlags& due) {
  if (local_) local_->end();
  if (due.save && save_) {
    const Clock::time_point start = Clock::now();
    const Index before = step_;
    wait();
    log_->note(fmt::format("step {}  waited {:.3f} s for the checkpoint of step {}", what.step,
                           seconds_since(start), before));
  }
  begin(what, due, copies_fit(what.parts));
}

void CheckpointSaver::gone_back(Index step, std::optional<Index> saved) {
  saved_step_ = saved;
  failed_step_.reset();
  if (local_) local_->gone_back(step);
}

bool CheckpointSaver::finish(const Savable& what) {
  wait();
  for (int tries = failed_step_ == what.step ? 1 : 0; saved_step_ != what.step && tries < 2;
       ++tries)
    begin(what, {.save = true}, false);
  const bool saved = saved_step_ == what.step;
  if (saved && local_) local_->clear();
  return saved;
}

bool CheckpointSaver::copies_fit(std::span<const ArrayPart> parts) {
  if (copies_fit_) return *copies_fit_;
  const std::size_t bytes = Snapshot::bytes_of(parts);
  const double share = static_cast<double>(host_memory().available) / ranks_on_host_;
  bool fits = static_cast<double>(bytes) <= most_of_memory * share;
  try {
    if (fits) (void)snapshot_.place(parts);
  } catch (const DeviceError&) {
    fits = false;
  }
  const double most = all_reduce(*ranks_, static_cast<double>(bytes) / mib, Reduction::max);
  copies_fit_ = all_ok(*ranks_, fits);
  if (*copies_fit_) {
    log_info("checkpoints are written beside training, from a copy of {:.1f} MiB a rank at most",
             most);
    return true;
  }
  snapshot_ = Snapshot(ranks_->device());
  if (ranks_->rank() == 0)
    log_warning(
        "checkpoint.async: no memory to spare for a copy of {:.1f} MiB a rank: training waits "
        "while checkpoints are written",
        most);
  return false;
}

void CheckpointSaver::begin(const Savable& what, const StepFlags& due, bool beside) {
  const Clock::time_point start_time = Clock::now();
  const std::vector<ArrayPart> parts = beside ? snapshot_.place(what.parts) : what.parts;
  // What lies in host memory is copied while the next step begins; a device is driven by one
  // thread, and what it cannot give is not saved.
  const bool copies_later = beside && snapshot_.all_in_host_memory();
  if (beside && !copies_later) snapshot_.copy();
  const bool shared = due.save && begin_shared(what, parts, beside);
  if (!shared && !due.save_local) return;
  if (copies_later) copied_ = copier_.submit([this] { snapshot_.copy(); }).share();
  if (shared) blocked_ = seconds_since(start_time);
  if (local_ && due.save_local) {  // the disk of the host is the faster one
    const double blocked = shared ? 0.0 : seconds_since(start_time);
    local_->begin(what.step, parts, what.state_json, blocked,
                  [this, beside](auto work) { return start(beside, std::move(work)); });
    if (!beside) local_->wait();
  }
  if (!shared) return;
  const Blocking blocking(*this);
  work_ = start(beside, [this] { save_->write(); });
  if (!beside) end();
}

bool CheckpointSaver::begin_shared(const Savable& what, std::span<const ArrayPart> parts,
                                   bool beside) {
  blocked_ = 0.0;
  begun_ = Clock::now();
  step_ = what.step;
  beside_ = beside;
  stage_ = Stage::writing;
  try {
    save_.emplace(*ranks_, section_.directory.value(), what.step, parts, what.state_json, layout_);
    return true;
  } catch (const CheckpointError& error) {  // the same on every rank
    failed(error.what());
    return false;
  }
}

std::future<void> CheckpointSaver::start(bool beside, std::function<void()> work) {
  if (beside)
    return worker_.submit([copied = copied_, work = std::move(work)] {
      if (copied.valid()) copied.wait();
      work();
    });
  std::packaged_task<void()> task(std::move(work));
  task();
  return task.get_future();
}

void CheckpointSaver::next_stage() {
  if (work_.valid()) work_.wait();
  try {
    if (stage_ == Stage::writing) {
      save_->gather();
      stage_ = Stage::publishing;
      work_ = {};
      if (ranks_->rank() == 0) work_ = start(beside_, [this] { publish(); });
      return;
    }
    save_->finish();
  } catch (const CheckpointError& error) {  // the same on every rank
    return failed(error.what());
  }
  saved();
}

void CheckpointSaver::publish() {
  if (!save_->publish()) return;
  const std::string fault = fault_of_work([this] {
    prune_checkpoints(section_.directory.value(), {section_.keep, section_.keep_every});
  });
  if (!fault.empty()) log_warning("older checkpoints stay: {}", fault);
}

void CheckpointSaver::saved() {
  written_ = save_->written_seconds();
  cost_ = blocked_seconds();
  saved_step_ = step_;
  save_.reset();
  work_ = {};
  if (ranks_->rank() != 0) return;
  log_->event({.name = "saved", .step = step_, .seconds_lost = cost_});
  log_->note(fmt::format(
      "step {}  checkpoint saved in {}  ({:.3f} s to write, training waited "
      "{:.3f} s{})",
      step_, section_.directory.value(), written_, cost_,
      section_.every.steps ? std::string() : "; the next in " + duration_text(interval_seconds())));
}

void CheckpointSaver::failed(const std::string& what) {
  save_.reset();
  work_ = {};
  failed_step_ = step_;
  if (ranks_->rank() != 0) return;
  log_->event({.name = "save_failed", .step = step_, .what = what});
  log_warning("step {}: checkpoint not saved: {}; {}", step_, what,
              saved_step_ ? fmt::format("the newest is that of step {}", *saved_step_)
                          : "there is none yet");
}

}  // namespace tokenwerk
