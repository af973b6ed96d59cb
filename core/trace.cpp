#include "core/trace.h"

#include "core/log.h"

namespace tokenwerk {

int TraceRecorder::add_track(std::string name) {
  const std::scoped_lock lock(mutex_);
  tracks_.push_back(std::move(name));
  return static_cast<int>(tracks_.size()) - 1;
}

void TraceRecorder::add(TraceEvent event) {
  const std::scoped_lock lock(mutex_);
  if (!recording()) return;
  if (events_.size() == limit_)
    ++dropped_;
  else
    events_.push_back(std::move(event));
}

void TraceSpan::begin(TraceRecorder& recorder, std::string_view category, std::string name) {
  recorder_ = &recorder;
  event_.name = std::move(name);
  event_.category = category;
  event_.start = std::chrono::steady_clock::now();
}

TraceSpan::~TraceSpan() {
  if (recorder_ == nullptr) return;
  event_.end = std::chrono::steady_clock::now();
  try {
    recorder_->add(std::move(event_));
  } catch (const std::exception& error) {
    log_error("in a trace: {}", error.what());
  }
}

}  // namespace tokenwerk
