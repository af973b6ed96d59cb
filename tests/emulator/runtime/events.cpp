/// Events. A record is an object of its own: who waits keeps the record that was the last when it
/// called, and later ones do not concern it.

#include <cuda_runtime_api.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/executor.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/settings.h"

namespace tokenwerk::emulator {
namespace {

using Clock = std::chrono::steady_clock;

/// One call of cudaEventRecord.
struct Record {
  std::atomic<bool> is_reached = false;
  Clock::time_point time;
};

struct Event {
  unsigned flags = cudaEventDefault;
  int device = 0;
  std::shared_ptr<Record> last;  ///< none before the first record

  [[nodiscard]] bool is_timed() const { return (flags & cudaEventDisableTiming) == 0; }
};

/// The events that live, by handle.
struct Events {
  std::mutex mutex;
  std::map<cudaEvent_t, std::unique_ptr<Event>> living;
};

Events& events() {
  static Events& events = *std::make_unique<Events>().release();
  return events;
}

/// Runs `body` with the event; an error if the handle is none.
template <typename Body>
cudaError_t with_event(cudaEvent_t handle, const Body& body) {
  const std::scoped_lock lock(events().mutex);
  const auto found = events().living.find(handle);
  if (found == events().living.end()) return cudaErrorInvalidResourceHandle;
  return body(*found->second);
}

/// The record that waiting concerns now; null if there was none.
cudaError_t last_record(cudaEvent_t handle, std::shared_ptr<Record>& record) {
  return with_event(handle, [&](const Event& event) {
    record = event.last;
    return cudaSuccess;
  });
}

}  // namespace
}  // namespace tokenwerk::emulator

using namespace tokenwerk::emulator;

cudaError_t CUDARTAPI cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return api_call([&] {
    constexpr unsigned known =
        cudaEventBlockingSync | cudaEventDisableTiming | cudaEventInterprocess;
    if (event == nullptr || (flags & ~known) != 0) return cudaErrorInvalidValue;
    auto made = std::make_unique<Event>();
    made->flags = flags;
    static_cast<void>(cudaGetDevice(&made->device));
    *event = reinterpret_cast<cudaEvent_t>(made.get());
    count(&Counters::events);
    const std::scoped_lock lock(events().mutex);
    events().living.emplace(*event, std::move(made));
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t CUDARTAPI cudaEventDestroy(cudaEvent_t event) {
  return api_call([&] {
    const std::scoped_lock lock(events().mutex);
    if (events().living.erase(event) == 0) return cudaErrorInvalidResourceHandle;
    count(&Counters::events, -1);
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return api_call([&] {
    const auto* const resolved = Executor::instance().resolve(stream);
    if (resolved == nullptr) return cudaErrorInvalidResourceHandle;
    const auto record = std::make_shared<Record>();
    const auto found = with_event(event, [&](Event& one) {
      if (one.device != resolved->device) return cudaErrorInvalidResourceHandle;
      one.last = record;
      return cudaSuccess;
    });
    if (found != cudaSuccess) return found;
    count(&Counters::event_records);
    enqueue(stream, [record] {
      record->time = Clock::now();
      record->is_reached = true;
      return true;
    });
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return api_call([&] {
    const auto* const waiting = Executor::instance().resolve(stream);
    if (waiting == nullptr) return cudaErrorInvalidResourceHandle;
    std::shared_ptr<Record> record;
    if (const auto found = last_record(event, record); found != cudaSuccess) return found;
    count(&Counters::event_waits);
    if (waiting->number == deaf_stream()) return cudaSuccess;
    if (record) enqueue(stream, [record] { return record->is_reached.load(); });
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaEventQuery(cudaEvent_t event) {
  return api_call([&] {
    std::shared_ptr<Record> record;
    if (const auto found = last_record(event, record); found != cudaSuccess) return found;
    return !record || record->is_reached ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t CUDARTAPI cudaEventSynchronize(cudaEvent_t event) {
  return api_call([&] {
    std::shared_ptr<Record> record;
    if (const auto found = last_record(event, record); found != cudaSuccess) return found;
    count(&Counters::synchronizations);
    if (record) wait_until([&] { return record->is_reached.load(); });
    return standing_fault();
  });
}

cudaError_t CUDARTAPI cudaEventElapsedTime(float* milliseconds, cudaEvent_t start,
                                           cudaEvent_t end) {
  return api_call([&] {
    if (milliseconds == nullptr) return cudaErrorInvalidValue;
    std::shared_ptr<Record> first;
    std::shared_ptr<Record> second;
    const auto timed_record = [](cudaEvent_t handle, std::shared_ptr<Record>& record) {
      return with_event(handle, [&](const Event& event) {
        record = event.last;
        return event.is_timed() && record ? cudaSuccess : cudaErrorInvalidResourceHandle;
      });
    };
    if (const auto error = timed_record(start, first); error != cudaSuccess) return error;
    if (const auto error = timed_record(end, second); error != cudaSuccess) return error;
    if (!first->is_reached || !second->is_reached) return cudaErrorNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(second->time - first->time).count();
    return cudaSuccess;
  });
}
