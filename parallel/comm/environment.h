#pragma once
/// The ranks of this run, from start to end of the program.

#include <memory>
#include <string>

#include "parallel/comm/communicator.h"
#include "parallel/comm/traffic.h"

namespace tokenwerk {

class CommEngine;
class HangWatchdog;
class NcclBackend;
class TraceRecorder;

/// Joins the ranks that mpirun or srun started; leaves them when it ends. Exactly one per program,
/// made first and ended last, on the main thread. A program started alone is one rank and never
/// touches MPI, whose start-up costs more than many a small run.
///
/// Ended by an exception it aborts every rank, since a rank that leaves quietly hangs the others;
/// `main` catches inside its lifetime, prints, and calls `abort_all` itself.
class MpiEnvironment {
 public:
  /// Throws CommError where MPI cannot start.
  MpiEnvironment();
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;
  ~MpiEnvironment();

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  /// Ranks on this host, and the place of this one among them.
  [[nodiscard]] int local_rank() const { return local_rank_; }
  [[nodiscard]] int local_size() const { return local_size_; }
  [[nodiscard]] const std::string& host() const { return host_; }
  /// What carries the messages between ranks, for reports: "Open MPI v4.1.4, ...".
  [[nodiscard]] std::string library() const;

  /// This rank's communicator along `axis`; all ranks of the run call together. It must end before
  /// the environment, and so must the first cuda device, which carries NCCL's. Control data goes
  /// over Axis::world on a cpu device.
  [[nodiscard]] std::unique_ptr<Communicator> make_communicator(Device&, const Mesh&, Axis axis);
  /// The same over all ranks.
  [[nodiscard]] std::unique_ptr<Communicator> make_world(Device&);

  /// From now on ends the run, with exit code 4, where a rank waits for others longer than this,
  /// and logs which ranks on which hosts have not come, to what, and what the others wait in. All
  /// ranks call together, once; 0 seconds: nothing is watched.
  void watch(double seconds);
  /// Communicators made from now on compare what ranks call (Communicator::check_calls_over). All
  /// ranks call together.
  void check_collectives() { checks_collectives_ = true; }

  /// What this rank has sent so far.
  [[nodiscard]] Traffic sent() const;
  /// Seconds that starting MPI took; 0 for a program started alone.
  [[nodiscard]] double start_seconds() const { return start_seconds_; }
  /// Seconds so far in which the program waited for messages, or moved them on itself.
  [[nodiscard]] double waited_seconds() const;
  /// Records all communication from now on; null: no longer. Nothing is under way.
  void trace_into(TraceRecorder* recorder);
  /// Whether a thread of its own moves communication on (TOKENWERK_COMM_THREAD = auto, on, off).
  [[nodiscard]] bool has_thread() const;

  /// Ends every rank of the run with this exit code, at once.
  [[noreturn]] void abort_all(int code) noexcept;

 private:
  [[nodiscard]] NcclBackend& nccl(Device& device);
  /// Over MPI, among these ranks of the run.
  [[nodiscard]] std::unique_ptr<Communicator> make_over_mpi(Device&, Axis axis,
                                                            const RankGroup& group);
  [[noreturn]] void end_hung_run() noexcept;

  int rank_ = 0;
  int size_ = 1;
  int local_rank_ = 0;
  int local_size_ = 1;
  std::string host_;
  double start_seconds_ = 0.0;
  int exceptions_;                      ///< under way when this was made
  int communicators_ = 0;               ///< made so far with other ranks
  std::unique_ptr<CommEngine> engine_;  ///< none where the program was started alone
  std::unique_ptr<Device> control_device_;
  std::unique_ptr<Communicator> control_;
  std::unique_ptr<NcclBackend> nccl_;  ///< from the first communicator of a cuda device on
  bool checks_collectives_ = false;
  std::unique_ptr<HangWatchdog> watchdog_;
};

}  // namespace tokenwerk
