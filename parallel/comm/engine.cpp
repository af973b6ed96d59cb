#include "parallel/comm/engine.h"

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "core/seconds.h"
#include "parallel/comm/collectives.h"
#include "parallel/comm/operation.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

CommEngine::CommEngine(EngineThread thread) {
  if (thread == EngineThread::on)
    worker_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

CommEngine::~CommEngine() = default;

bool CommEngine::progress() {
  if (outstanding_ == 0) return false;
  const std::unique_lock lock(driver_, std::try_to_lock);
  if (!lock || halted_) return false;
  bool moved = false;
  for (CommQueue* queue : queues_) moved = queue->advance() || moved;
  return moved;
}

void CommEngine::help() {
  const auto start = Clock::now();
  if (!progress()) return;
  const auto end = Clock::now();
  waited_seconds_ += seconds_between(start, end);
  if (trace_ == nullptr || !trace_->recording()) return;
  trace_->add({.name = "moving messages",
               .category = "wait",
               .track = TraceRecorder::compute_track,
               .start = start,
               .end = end});
}

void CommEngine::serialized(const std::function<void()>& body) {
  const std::scoped_lock lock(driver_);
  body();
}

Traffic CommEngine::sent() const {
  const std::scoped_lock lock(submission_);
  return sent_;
}

void CommEngine::drain() {
  Idle idle;
  while (outstanding_ > 0 && !halted_)
    if (!progress()) idle.rest();
}

void CommEngine::trace_into(TraceRecorder* recorder) {
  const std::scoped_lock lock(driver_);
  trace_ = recorder;
}

void CommEngine::halt() noexcept {
  const std::scoped_lock lock(driver_);
  halted_ = true;
}

void CommEngine::work(const std::stop_token& stop) {
  Idle idle;
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(submission_);
      submitted_.wait(lock, stop, [this] { return outstanding_ > 0 && !halted_; });
    }
    if (!progress()) idle.rest();
  }
}

CommQueue::CommQueue(CommEngine& engine, Device& device, std::string purpose)
    : engine_(&engine),
      purpose_(std::move(purpose)),
      scratch_(device, DType::f32, Shape{static_cast<Index>(plan_scratch_bytes / sizeof(float))}),
      exceptions_(std::uncaught_exceptions()),
      at_hand_(engine.ledger()) {
  engine.serialized([this] { engine_->queues_.push_back(this); });
}

CommQueue::~CommQueue() {
  if (std::uncaught_exceptions() > exceptions_ && done_ < submitted_) {
    log_warning("communication stops: an exception ends this rank");
    engine_->halt();
  }
  try {
    wait(submitted_);
  } catch (const std::exception& error) {
    if (!engine_->halted()) log_error("in an ending communication stream: {}", error.what());
  }
  engine_->serialized([this] { std::erase(engine_->queues_, this); });
}

void CommQueue::submit(std::unique_ptr<Operation> operation) {
  TW_CHECK(operation->scratch_bytes() <= scratch_.bytes(), operation->text(), " wants ",
           operation->scratch_bytes(), " bytes of scratch, the queue has ", scratch_.bytes());
  {
    const std::scoped_lock lock(engine_->submission_);
    if (failed_) return;
    engine_->sent_.at(operation->axis(), operation->collective()) += operation->sent();
    waiting_.push_back(std::move(operation));
    ++submitted_;
    ++engine_->outstanding_;
  }
  engine_->submitted_.notify_one();
}

void CommQueue::wait(std::uint64_t count) {
  const bool blocks = done_ < count;
  const auto start = blocks ? Clock::now() : Clock::time_point();
  while (done_ < count) {
    if (failed_) std::rethrow_exception(error_);
    TW_CHECK_AS(CommError, !engine_->halted_, "communication has stopped on this rank");
    if (!engine_->progress()) idle_.rest();
  }
  if (failed_) std::rethrow_exception(error_);
  if (blocks) note_wait(start);
}

bool CommQueue::advance() {
  if (failed_) return false;
  if (!current_) {
    const std::scoped_lock lock(engine_->submission_);
    if (waiting_.empty()) return false;
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    note_begin();
  }
  try {
    const Operation::Progress progress = current_->advance(scratch_.view().as<std::byte>());
    if (progress != Operation::Progress::done) return progress == Operation::Progress::moved;
    note_end();
    current_.reset();
    --engine_->outstanding_;
    ++done_;
  } catch (...) {  // handed to the next wait: the driver may be another thread or another queue
    fail(std::current_exception());
  }
  return true;
}

void CommQueue::note_begin() {
  const auto now = Clock::now();
  at_hand_.begin(current_->call(), now);
  began_ = recorded() ? now : Clock::time_point();
}

void CommQueue::note_end() {
  at_hand_.end();
  const Label label{current_->axis(), current_->collective()};
  latest_ = label;
  if (began_ == Clock::time_point() || !recorded()) return;
  TraceRecorder& trace = *engine_->trace_;
  if (track_ < 0)
    track_ = trace.add_track(fmt::format("communication, {}, {}", name_of(label.axis), purpose_));
  trace.add({.name = std::string(name_of(label.collective)),
             .category = "communication",
             .track = track_,
             .start = began_,
             .end = Clock::now(),
             .arguments = {{"axis", name_of(label.axis)},
                           {"bytes_sent", current_->sent().bytes},
                           {"bytes_received", current_->received().bytes}}});
}

void CommQueue::note_wait(Clock::time_point since) {
  const auto end = Clock::now();
  engine_->waited_seconds_ += seconds_between(since, end);
  if (!recorded()) return;
  const Label label = latest_;
  engine_->trace_->add(
      {.name = fmt::format("wait for {} {}", name_of(label.axis), name_of(label.collective)),
       .category = "wait",
       .track = TraceRecorder::compute_track,
       .start = since,
       .end = end});
}

bool CommQueue::recorded() const {
  return engine_->trace_ != nullptr && engine_->trace_->recording();
}

/// The failed operation stays, since messages of it may still be under way; what waits is dropped.
void CommQueue::fail(std::exception_ptr error) {
  at_hand_.end();
  const std::scoped_lock lock(engine_->submission_);
  error_ = std::move(error);
  engine_->outstanding_ -= static_cast<Index>(waiting_.size()) + 1;
  waiting_.clear();
  failed_ = true;
}

}  // namespace tokenwerk
