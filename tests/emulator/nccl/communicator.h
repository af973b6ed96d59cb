#pragma once
/// Communicators: who belongs to them, whether they still work, and in which order calls run.

#include <nccl.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/emulator/nccl/segment.h"

namespace tokenwerk::emulator {

/// What the last call of this thread that failed says; ncclGetLastError returns it.
[[nodiscard]] std::string& last_message();

/// Prints the message, keeps it for ncclGetLastError, and returns the result.
ncclResult_t refuse(ncclResult_t result, const std::string& message);

/// Seconds without progress after which a rank counts as stuck (TOKENWERK_EMULATED_NCCL_SECONDS).
[[nodiscard]] double patience();

}  // namespace tokenwerk::emulator

/// A communicator; the type that ncclComm_t points to. The program's threads issue calls, one at
/// a time; the executor runs them.
struct ncclComm {
  using Clock = std::chrono::steady_clock;

  std::string name;
  int ranks = 0;
  int rank = 0;
  int device = 0;
  bool is_blocking = true;
  std::string segment_name;
  std::unique_ptr<tokenwerk::emulator::Segment> segment;

  /// One step of becoming ready; null when there is nothing left to do. True once done; throws
  /// what ends the communicator.
  std::function<bool()> setup;
  Clock::time_point setup_began = Clock::now();

  std::uint64_t next_collective = 1;  ///< numbers of calls, given when they are issued
  std::uint64_t next_split = 1;
  std::vector<std::uint64_t> next_send;     ///< by rank
  std::vector<std::uint64_t> next_receive;  ///< by rank
  std::uint64_t next_round = 0;             ///< of the table; the executor's

  std::atomic<std::uint64_t> issued = 0;  ///< tasks; they run in the order in which they came
  std::atomic<std::uint64_t> completed = 0;
  std::atomic<ncclResult_t> state = ncclSuccess;
  std::atomic<bool> is_stopped = false;  ///< aborted or revoked: work ends undone
  Clock::time_point failed_at;
  Clock::time_point progress;  ///< when something last moved; the executor's

  /// Takes its place among the ranks and prepares to wait for the others.
  void open(const std::string& shared_name);
  /// Goes on with the set-up; true once the communicator can be used or has failed.
  bool advance_setup();
  [[nodiscard]] bool is_ready() const { return !setup && state == ncclSuccess; }

  /// Ends the communicator for all ranks, with the reason in words.
  void fail(ncclResult_t result, const std::string& reason);
  /// Learns of a failure that another rank found; true if there is one.
  bool hear_of_failure();
  /// "rank 1 of world".
  [[nodiscard]] std::string whoami() const;
  [[nodiscard]] tokenwerk::emulator::RankBlock& own() const { return segment->rank(rank); }
  /// Waits for all tasks that were issued.
  void drain() const;
};

namespace tokenwerk::emulator {

using Communicator = std::shared_ptr<ncclComm>;

/// Makes a communicator known by its handle.
ncclComm_t add_communicator(const Communicator& made);
/// The communicator of a handle; null if there is none.
[[nodiscard]] Communicator find_communicator(ncclComm_t handle);
/// Forgets the handle; queued work may keep the communicator.
void remove_communicator(ncclComm_t handle);

/// Why a call on it cannot be made, or success.
[[nodiscard]] ncclResult_t check_usable(const Communicator& comm, const char* call);

/// Waits until all are set up or failed; the first failure.
ncclResult_t finish_setup(const std::vector<Communicator>& comms);

}  // namespace tokenwerk::emulator
