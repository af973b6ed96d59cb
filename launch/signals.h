#pragma once
/// Asking a run to save and stop.

namespace tokenwerk {

/// From here on SIGUSR1 waits for a StopRequest: a rank that is still starting would die of it.
void hold_stop_requests();

/// While it lives, SIGUSR1 is a request to save and stop. SIGINT and SIGTERM are too where they
/// come from a user or from Slurm, alone and under srun: SIGTERM as often as it comes, for Slurm
/// repeats it; a second SIGINT ends the program as usual. Under mpirun they stay what they are,
/// since it ends its ranks within a second after those two.
class StopRequest {
 public:
  explicit StopRequest(int ranks);
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;
  ~StopRequest();

  /// Whether this rank received one.
  [[nodiscard]] bool received() const;

 private:
  bool hears_all_;
};

}  // namespace tokenwerk
