#pragma once
/// The executor behind queue.h, and what a stream is to it.

#include <cuda_runtime_api.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "tests/emulator/runtime/queue.h"
#include "tests/emulator/runtime/timing.h"

/// A stream; the type that cudaStream_t points to. The executor's mutex guards it.
struct CUstream_st {
  struct Entry {
    std::uint64_t ticket = 0;  ///< place in the order of all calls of the process
    tokenwerk::emulator::Operation operation;
  };

  std::deque<Entry> entries;
  unsigned flags = cudaStreamDefault;
  std::uint64_t number = 0;  ///< among those that the program made, from 1
  int device = 0;
  int priority = 0;
  bool is_legacy = false;
  bool is_destroyed = false;  ///< by its owner; what it holds still runs
  bool is_scheduled = false;  ///< `not_before` belongs to the first entry
  std::chrono::steady_clock::time_point not_before;

  [[nodiscard]] bool is_blocking() const {
    return !is_legacy && (flags & cudaStreamNonBlocking) == 0;
  }
  /// Whether something from before the ticket is still to do.
  [[nodiscard]] bool is_busy_before(std::uint64_t ticket) const {
    return !entries.empty() && entries.front().ticket < ticket;
  }
};

namespace tokenwerk::emulator {

/// Runs the work of all streams of the process.
class Executor final {
 public:
  Executor();  ///< for `instance` only
  [[nodiscard]] static Executor& instance();

  [[nodiscard]] cudaStream_t create_stream(unsigned flags, int priority, int device);
  /// The stream ends after its last operation; false if it is none.
  [[nodiscard]] bool destroy_stream(cudaStream_t stream);
  [[nodiscard]] bool is_stream(cudaStream_t stream);
  [[nodiscard]] bool is_idle(cudaStream_t stream);
  /// What a handle means in this thread: null and cudaStreamLegacy are the legacy default stream.
  [[nodiscard]] cudaStream_t resolve(cudaStream_t stream);

  /// False if the handle is no stream.
  [[nodiscard]] bool push(cudaStream_t stream, Operation operation);
  void wait(const std::function<bool()>& done);
  void wait_for_stream(cudaStream_t stream);
  void wait_for_device(int device);
  void play(std::optional<std::uint64_t> seed);

 private:
  using Lock = std::unique_lock<std::mutex>;

  void work();
  void end();
  /// Polls the first operation of every stream once; true if one was completed.
  bool poll(Lock& lock);
  bool poll_stream(CUstream_st& stream, Lock& lock);
  [[nodiscard]] bool may_start(CUstream_st& stream);
  /// Lets the operation start that has the least left to wait, if any has.
  void start_earliest();
  void drop_everything(Lock& lock);
  void forget_ended_streams();
  static void back_off(Lock& lock, int fruitless);
  [[nodiscard]] CUstream_st* legacy_stream(int device);
  [[nodiscard]] CUstream_st* known(cudaStream_t stream);

  std::mutex mutex_;
  std::condition_variable work_;     ///< the thread sleeps here
  std::condition_variable changed_;  ///< host threads wait here while another one polls
  std::vector<std::unique_ptr<CUstream_st>> streams_;
  std::map<int, CUstream_st*> legacy_;
  std::vector<CUstream_st*> order_;  ///< of one round; belongs to who polls
  Timing timing_;
  std::uint64_t next_ticket_ = 1;
  std::uint64_t streams_made_ = 0;
  std::size_t pending_ = 0;
  int helpers_ = 0;        ///< host threads in `wait`
  bool polling_ = false;   ///< a thread is in `poll`
  bool sleeping_ = false;  ///< the thread waits for `work_`
  bool quit_ = false;
  int process_ = 0;  ///< a fork has no thread to end
  std::thread thread_;
};

}  // namespace tokenwerk::emulator
