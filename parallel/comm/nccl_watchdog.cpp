#include "parallel/comm/nccl_watchdog.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "core/host_name.h"
#include "core/log.h"

namespace tokenwerk::nccl {
namespace {

constexpr const char* limit_variable = "TOKENWERK_NCCL_SECONDS";

int current_gpu() {
  int gpu = 0;
  TW_CUDA(cudaGetDevice(&gpu));
  return gpu;
}

/// A look that fails has found something too: the GPU itself.
std::optional<std::string> fault_of(const Watchdog::Look& look) {
  try {
    return look();
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

double setting(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  const double value = text == nullptr ? otherwise : std::atof(text);
  TW_CHECK_AS(ConfigError, value > 0.0, name, " is \"", text, "\"; it wants a number above 0");
  return value;
}

Seconds limit() {
  static const Seconds seconds(setting(limit_variable, 600));
  return seconds;
}

void Journal::note(const CollectiveCall& call, Index bytes, cudaStream_t stream) {
  const std::scoped_lock lock(mutex_);
  ++count_;
  while (!under_way_.empty() && cuda::has_passed(under_way_.front().passed.get())) {
    spare_.push_back(std::move(under_way_.front().passed));
    under_way_.pop_front();
  }
  if (under_way_.size() == most) {  // the newest stands for those that find no room
    Entry& last = under_way_.back();
    TW_CUDA(cudaEventRecord(last.passed.get(), stream));
    last = {call, bytes, count_, last.queued, std::move(last.passed)};
    return;
  }
  cuda::UniqueEvent event;
  if (spare_.empty()) {
    event = cuda::make_event();
  } else {
    event = std::move(spare_.back());
    spare_.pop_back();
  }
  TW_CUDA(cudaEventRecord(event.get(), stream));
  under_way_.push_back({call, bytes, count_, std::chrono::steady_clock::now(), std::move(event)});
}

std::optional<std::string> Journal::look() {
  const std::scoped_lock lock(mutex_);
  for (const Entry& entry : under_way_) {
    if (cuda::has_passed(entry.passed.get())) continue;
    at_hand_.begin(entry.call, entry.queued);
    const Seconds age = std::chrono::steady_clock::now() - entry.queued;
    const bool left_to_others = ledger_->watched() && std::getenv(limit_variable) == nullptr;
    if (left_to_others || age < limit()) return std::nullopt;
    return fmt::format(
        "{} {} of {} bytes over {} (rank {} of {}, host {}) has not ended for {:.0f} s",
        name_of(entry.call.collective), entry.number, entry.bytes, name_of(axis_), rank_, size_,
        host_name(), age.count());
  }
  at_hand_.end();
  return std::nullopt;
}

Watchdog::Watchdog(Seconds period, std::function<void()> abort)
    : period_(period),
      abort_(std::move(abort)),
      gpu_(current_gpu()),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

void Watchdog::watch(const void* who, Look look) {
  const std::scoped_lock lock(mutex_);
  watched_.emplace_back(who, std::move(look));
}

void Watchdog::forget(const void* who) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(watched_, [&](const auto& entry) { return entry.first == who; });
}

void Watchdog::work(const std::stop_token& stop) {
  static_cast<void>(cudaSetDevice(gpu_));  // otherwise its calls would wake up the first GPU
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    wake_.wait_for(lock, stop, period_, [] { return false; });
    for (const auto& [who, look] : watched_) {
      const std::optional<std::string> fault = fault_of(look);
      if (!fault) continue;
      log_error("NCCL: {}", *fault);
      // The others that wait say so meanwhile: who is silent has not come.
      std::this_thread::sleep_for(2 * period_);
      return abort_();
    }
  }
}

}  // namespace tokenwerk::nccl
