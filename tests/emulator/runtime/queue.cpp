/// The part of the executor that streams are asked of, and the functions of queue.h.

#include "tests/emulator/runtime/queue.h"

#include <algorithm>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/devices.h"
#include "tests/emulator/runtime/executor.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/settings.h"

namespace tokenwerk::emulator {
CUstream_st* Executor::known(cudaStream_t stream) {
  if (stream == nullptr || stream == cudaStreamLegacy) return legacy_stream(current_device());
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [&](const auto& one) { return one.get() == stream; });
  return found == streams_.end() || (*found)->is_destroyed ? nullptr : found->get();
}

CUstream_st* Executor::legacy_stream(int device) {
  auto& stream = legacy_[device];
  if (stream == nullptr) {
    stream = streams_.emplace_back(std::make_unique<CUstream_st>()).get();
    stream->is_legacy = true;
    stream->device = device;
  }
  return stream;
}

cudaStream_t Executor::resolve(cudaStream_t stream) {
  const Lock lock(mutex_);
  return known(stream);
}

bool Executor::is_stream(cudaStream_t stream) { return resolve(stream) != nullptr; }

cudaStream_t Executor::create_stream(unsigned flags, int priority, int device) {
  const Lock lock(mutex_);
  const auto& stream = streams_.emplace_back(std::make_unique<CUstream_st>());
  stream->flags = flags;
  stream->priority = priority;
  stream->device = device;
  stream->number = ++streams_made_;
  count(&Counters::streams);
  return stream.get();
}

bool Executor::destroy_stream(cudaStream_t stream) {
  const Lock lock(mutex_);
  auto* const found = known(stream);
  if (found == nullptr || found->is_legacy) return false;
  found->is_destroyed = true;
  count(&Counters::streams, -1);
  // Who polls may hold it in hand, and forgets it at the end of the round.
  if (!polling_) forget_ended_streams();
  return true;
}

bool Executor::is_idle(cudaStream_t stream) {
  const Lock lock(mutex_);
  const auto* const found = known(stream);
  return found == nullptr || found->entries.empty();
}

bool Executor::push(cudaStream_t stream, Operation operation) {
  const Lock lock(mutex_);
  auto* const found = known(stream);
  if (found == nullptr) return false;
  if (standing_fault() != cudaSuccess) return true;  // a lost device does nothing
  found->entries.push_back({next_ticket_++, std::move(operation)});
  ++pending_;
  if (sleeping_ && helpers_ == 0) work_.notify_one();
  return true;
}

void Executor::wait_for_stream(cudaStream_t stream) {
  const auto* const resolved = resolve(stream);
  if (resolved == nullptr) return;
  std::uint64_t ticket = 0;
  {
    const Lock lock(mutex_);
    ticket = next_ticket_;
  }
  wait([=] { return !resolved->is_busy_before(ticket); });
}

void Executor::wait_for_device(int device) {
  std::uint64_t ticket = 0;
  {
    const Lock lock(mutex_);
    ticket = next_ticket_;
  }
  wait([=, this] {
    return std::none_of(streams_.begin(), streams_.end(), [&](const auto& stream) {
      return stream->device == device && stream->is_busy_before(ticket);
    });
  });
}

void Executor::play(std::optional<std::uint64_t> seed) {
  const Lock lock(mutex_);
  timing_ = Timing(seed);
}

void enqueue(cudaStream_t stream, Operation operation) {
  if (Executor::instance().push(stream, std::move(operation))) return;
  report_fault(cudaErrorInvalidResourceHandle, "work for a stream that does not exist");
}

bool is_stream(cudaStream_t stream) { return Executor::instance().is_stream(stream); }

void wait_until(const std::function<bool()>& done) { Executor::instance().wait(done); }

void play_schedule(std::optional<std::uint64_t> seed) {
  for (int device = 0; device < device_count(); ++device) wait_for_device(device);
  Executor::instance().play(seed);
}

void wait_for_stream(cudaStream_t stream) { Executor::instance().wait_for_stream(stream); }

void wait_for_device(int device) { Executor::instance().wait_for_device(device); }

}  // namespace tokenwerk::emulator
