#include "launch/local_saver.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/seconds.h"
#include "launch/byte_size.h"
#include "launch/counted.h"
#include "launch/exit_code.h"
#include "launch/local_folder.h"
#include "launch/save_interval.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

bool is_running(const std::future<void>& work) {
  return work.valid() && work.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

}  // namespace

LocalSaver::LocalSaver(LocalTier tier, const CheckpointSection& section, RunLog& log)
    : tier_(std::move(tier)), section_(section), log_(&log) {
  if (tier_.ranks->rank() == 0) marking_.emplace(1);
  if (tier_.leads()) (void)remove_what_is_overtaken();
}

std::future<void> LocalSaver::remove_what_is_overtaken() {
  return worker_.submit(
      [folder = tier_.folder, sessions = tier_.sessions] { remove_overtaken(folder, sessions); });
}

bool LocalSaver::due(Index step) const {
  const std::optional<Index> every = section_.local_every.steps;
  if (every) return *every > 0 && step % *every == 0;
  const double interval =
      std::max(save_interval_seconds(cost_, section_.mtbf_hours.value()), took_);
  return tier_.ranks->rank() == 0 && !save_ && seconds_since(begun_) >= interval;
}

bool LocalSaver::working() const { return is_running(work_); }

void LocalSaver::begin(Index step, std::span<const ArrayPart> parts, const std::string& state_json,
                       double blocked, const Start& start) {
  blocked_ = blocked;
  begun_ = Clock::now();
  const SecondsInto blocked_seconds(blocked_);
  if (tier_.unwritten) {
    const std::string fault =
        begin_local_session(tier_, section_.directory.value(), *tier_.unwritten);
    if (!fault.empty()) return failed(step, fault);
  }
  stage_ = Stage::writing;
  save_.emplace(tier_, step, parts, state_json);
  work_ = start([this] { save_->write(); });
}

void LocalSaver::advance() {
  if (!save_) return;
  {
    const SecondsInto blocked_seconds(blocked_);
    next_stage();
  }
  if (ended_) conclude();
}

void LocalSaver::end() {
  if (!save_) return;
  {
    const SecondsInto blocked_seconds(blocked_);
    while (!ended_) next_stage();
  }
  conclude();
}

void LocalSaver::wait() {
  end();
  if (marked_.valid()) marked_.get();
}

void LocalSaver::next_stage() {
  if (work_.valid()) work_.get();
  try {
    if (stage_ == Stage::writing) {
      save_->hand_over();
      stage_ = Stage::checking;
      work_ = worker_.submit([this] { save_->check_copies(); });
      return;
    }
    save_->finish();
    if (tier_.ranks->rank() == 0) mark(save_->step());
    if (tier_.leads())
      (void)worker_.submit([folder = tier_.folder, step = save_->step()] {
        remove_generations_before(folder, step);
      });
    ended_ = "";
  } catch (const CheckpointError& error) {  // the same on every rank
    save_->abandon();
    ended_ = error.what();
  }
}

/// Whoever watches the run sees that it goes forward. Where the one before is not yet written, that
/// of the next generation will do.
void LocalSaver::mark(Index step) {
  if (is_running(marked_)) return;
  marked_ = marking_->submit([tier = tier_, checkpoints = section_.directory.value(), step] {
    const std::string fault =
        fault_of_work([&] { write_local_marker(checkpoints, marker_of(tier, checkpoints, step)); });
    if (!fault.empty()) log_warning("{}", fault);
  });
}

void LocalSaver::conclude() {
  const Index step = save_->step();
  const std::uint64_t bytes = save_->bytes();
  const std::string fault = std::exchange(ended_, std::nullopt).value();
  save_.reset();
  if (fault.empty()) {
    saved(step, bytes);
  } else {
    failed(step, fault);
  }
}

void LocalSaver::saved(Index step, std::uint64_t bytes) {
  cost_ = blocked_;
  took_ = seconds_since(begun_);
  all_blocked_ += blocked_;
  const bool first = ++generations_ == 1;
  const Index most =
      first ? all_reduce(*tier_.ranks, static_cast<Index>(bytes), Reduction::max) : 0;
  if (tier_.ranks->rank() != 0) return;
  log_->event({.name = "saved_local", .step = step, .seconds_lost = cost_});
  if (first) {
    const std::string where = tier_.hosts.hosts() == 1
                                  ? "this host"
                                  : count_of(tier_.hosts.hosts(), "host") + " and sent to the next";
    log_->note(
        fmt::format("step {}  local generation kept on {}: {} a rank at most  ({:.3f} s, training "
                    "waited {:.3f} s)",
                    step, where, size_text(static_cast<std::size_t>(most)), took_, cost_));
  }
}

void LocalSaver::failed(Index step, const std::string& what) const {
  if (tier_.ranks->rank() != 0) return;
  log_->event({.name = "local_save_failed", .step = step, .what = what});
  log_warning("step {}: local generation not kept: {}", step, what);
}

void LocalSaver::gone_back(Index step) {
  wait();
  const std::string fault = begin_local_session(tier_, section_.directory.value(), step);
  if (!fault.empty()) throw SharedError(ExitCode::wrong_machine, fault);
  if (tier_.leads()) remove_what_is_overtaken().get();
}

void LocalSaver::clear() {
  if (generations_ > 0 && tier_.ranks->rank() == 0)
    log_->note(fmt::format("{} kept, training waited {:.3f} s for them",
                           count_of(generations_, "local generation"), all_blocked_));
  if (!tier_.leads()) return;
  const auto remove = [this] { return fault_of_work([this] { remove_path(tier_.folder); }); };
  const std::string fault = worker_.submit(remove).get();  // behind what it removes already
  if (!fault.empty()) log_warning("{}", fault);
}

}  // namespace tokenwerk
