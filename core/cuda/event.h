#pragma once
/// Events of the cuda runtime, owned.

#include "core/cuda/check.h"
#include "core/unique_handle.h"

namespace tokenwerk::cuda {

struct EventTraits {
  using Handle = cudaEvent_t;
  static Handle none() { return nullptr; }
  static void release(Handle event) noexcept;
};
using UniqueEvent = UniqueHandle<EventTraits>;

/// An event whose host waits sleep. `cudaEventDisableTiming` among the flags: it measures nothing.
[[nodiscard]] UniqueEvent make_event(unsigned flags = cudaEventDisableTiming);

/// Whether the work before an event is done. That it is not stays behind as no error of the thread,
/// where a later launch would find it.
[[nodiscard]] bool has_passed(cudaEvent_t event);

}  // namespace tokenwerk::cuda
