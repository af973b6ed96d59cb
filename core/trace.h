#pragma once
/// A rank's timeline: what it did, and when.

#include <atomic>
#include <chrono>
#include <concepts>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

/// A figure or a word (a literal) that belongs to an event.
struct TraceArgument {
  std::string name;
  std::variant<Index, std::string_view> value;
};

/// Something that took time. Those of one track follow or contain each other.
struct TraceEvent {
  std::string name;
  std::string_view category;  ///< a literal: "compute", "wait", "communication"
  int track = 0;
  std::chrono::steady_clock::time_point start, end;
  std::vector<TraceArgument> arguments{};
};

/// Keeps events between `start` and `stop`, up to a limit; what comes later is counted and dropped.
/// Thread-safe.
class TraceRecorder {
 public:
  /// The rank's own work; communication adds a track for each of its queues.
  static constexpr int compute_track = 0;

  explicit TraceRecorder(std::size_t limit) : limit_(limit) {}
  TraceRecorder(const TraceRecorder&) = delete;
  TraceRecorder& operator=(const TraceRecorder&) = delete;

  void start() { recording_ = true; }
  void stop() { recording_ = false; }
  [[nodiscard]] bool recording() const { return recording_.load(std::memory_order_relaxed); }

  [[nodiscard]] int add_track(std::string name);
  void add(TraceEvent event);

  /// After `stop`. Tracks are named by their place.
  [[nodiscard]] const std::vector<std::string>& tracks() const { return tracks_; }
  [[nodiscard]] const std::vector<TraceEvent>& events() const { return events_; }
  [[nodiscard]] Index dropped() const { return dropped_; }

 private:
  std::size_t limit_;
  std::atomic<bool> recording_ = false;
  std::mutex mutex_;
  std::vector<std::string> tracks_{"compute"};
  std::vector<TraceEvent> events_;
  Index dropped_ = 0;
};

/// Records its own life on the compute track. Costs a comparison where nothing records.
class TraceSpan {
 public:
  /// The recorder may be null. `name()` is asked for only where it is recorded.
  template <std::invocable Name>
  TraceSpan(TraceRecorder* recorder, std::string_view category, const Name& name) {
    if (recorder != nullptr && recorder->recording()) begin(*recorder, category, name());
  }
  TraceSpan(TraceRecorder* recorder, std::string_view category, std::string_view name)
      : TraceSpan(recorder, category, [name] { return std::string(name); }) {}
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;
  ~TraceSpan();

 private:
  void begin(TraceRecorder& recorder, std::string_view category, std::string name);

  TraceRecorder* recorder_ = nullptr;
  TraceEvent event_;
};

}  // namespace tokenwerk
