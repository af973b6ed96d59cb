#include "tests/emulator/runtime/executor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <utility>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/settings.h"

namespace tokenwerk::emulator {
namespace {

constexpr int rounds_before_sleep = 200;

/// One poll; what it throws ends the device.
bool run(const Operation& operation) {
  try {
    return operation();
  } catch (const std::exception& error) {
    report_fault(cudaErrorLaunchFailure, error.what());
    return true;
  }
}

}  // namespace

Executor::Executor() : timing_(schedule_seed()), process_(getpid()), thread_([this] { work(); }) {}

Executor& Executor::instance() {
  // Lives to the very end: static objects of the program may still give back streams.
  static Executor& executor = []() -> Executor& {
    auto& made = *std::make_unique<Executor>().release();
    std::atexit([] { instance().end(); });
    return made;
  }();
  return executor;
}

void Executor::end() {
  if (getpid() != process_) return;
  {
    const Lock lock(mutex_);
    quit_ = true;
    work_.notify_all();
  }
  thread_.join();
}

void Executor::work() {
  Lock lock(mutex_);
  for (int fruitless = 0; !quit_;) {
    if (pending_ > 0 && helpers_ == 0 && !polling_) {
      fruitless = poll(lock) ? 0 : fruitless + 1;
      if (fruitless > 0) back_off(lock, fruitless);
    } else if (helpers_ == 0 && fruitless < rounds_before_sleep) {
      ++fruitless;
      back_off(lock, 1);
    } else {
      sleeping_ = true;
      work_.wait(lock, [this] { return quit_ || (pending_ > 0 && helpers_ == 0 && !polling_); });
      sleeping_ = false;
      fruitless = 0;
    }
  }
}

void Executor::wait(const std::function<bool()>& done) {
  Lock lock(mutex_);
  ++helpers_;
  for (int fruitless = 0; !done() && standing_fault() == cudaSuccess;) {
    if (polling_) {
      changed_.wait_for(lock, std::chrono::microseconds(200));
    } else {
      fruitless = poll(lock) ? 0 : fruitless + 1;
      if (fruitless > 0 && !done()) back_off(lock, fruitless);
    }
  }
  --helpers_;
  if (pending_ > 0 && sleeping_) work_.notify_one();
}

void Executor::back_off(Lock& lock, int fruitless) {
  lock.unlock();
  if (fruitless > rounds_before_sleep) {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  } else {
    std::this_thread::yield();
  }
  lock.lock();
}

bool Executor::poll(Lock& lock) {
  polling_ = true;
  order_.clear();
  for (const auto& stream : streams_) order_.push_back(stream.get());
  timing_.arrange(order_);
  bool progress = false;
  for (auto* stream : order_) {
    if (!poll_stream(*stream, lock)) continue;
    progress = true;
    if (timing_.is_adversarial()) break;
  }
  // While the host waits there is nobody to overtake but other streams: time may jump.
  if (!progress && helpers_ > 0) start_earliest();
  if (standing_fault() != cudaSuccess) drop_everything(lock);
  forget_ended_streams();
  polling_ = false;
  if (helpers_ > 0) changed_.notify_all();
  return progress;
}

bool Executor::poll_stream(CUstream_st& stream, Lock& lock) {
  if (stream.entries.empty() || !may_start(stream)) return false;
  // Only who polls removes entries, and appending moves none: the reference stays good.
  auto& entry = stream.entries.front();
  lock.unlock();
  const bool complete = run(entry.operation);
  lock.lock();
  if (!complete) return false;
  auto ended = std::move(entry.operation);
  stream.entries.pop_front();
  stream.is_scheduled = false;
  --pending_;
  lock.unlock();
  ended = nullptr;  // what it holds may be large, or take other locks when it ends
  lock.lock();
  return true;
}

bool Executor::may_start(CUstream_st& stream) {
  const auto ticket = stream.entries.front().ticket;
  if (stream.is_legacy) {
    for (const auto& other : streams_) {
      if (other->device == stream.device && other->is_blocking() && other->is_busy_before(ticket)) {
        return false;
      }
    }
  } else if (stream.is_blocking()) {
    const auto legacy = legacy_.find(stream.device);
    if (legacy != legacy_.end() && legacy->second->is_busy_before(ticket)) return false;
  }
  if (!timing_.is_adversarial()) return true;
  const auto now = std::chrono::steady_clock::now();
  if (!stream.is_scheduled) stream.not_before = now + timing_.latency();
  stream.is_scheduled = true;
  return now >= stream.not_before;
}

void Executor::start_earliest() {
  CUstream_st* earliest = nullptr;
  const auto now = std::chrono::steady_clock::now();
  for (auto* stream : order_) {
    if (stream->entries.empty() || !stream->is_scheduled || stream->not_before <= now) continue;
    if (earliest == nullptr || stream->not_before < earliest->not_before) earliest = stream;
  }
  if (earliest != nullptr) earliest->not_before = now;
}

void Executor::drop_everything(Lock& lock) {
  std::vector<std::deque<CUstream_st::Entry>> dropped;
  for (const auto& stream : streams_) {
    dropped.push_back(std::exchange(stream->entries, {}));
    stream->is_scheduled = false;
  }
  pending_ = 0;
  lock.unlock();
  dropped.clear();
  lock.lock();
}

void Executor::forget_ended_streams() {
  std::erase_if(streams_,
                [](const auto& stream) { return stream->is_destroyed && stream->entries.empty(); });
}

}  // namespace tokenwerk::emulator
