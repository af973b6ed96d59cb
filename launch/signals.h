#pragma once
/// Asking a run to save and stop.

namespace tokenwerk {

/// While it lives, SIGUSR1 is a request to save and stop; under no launcher (one rank), SIGINT and
/// SIGTERM are too, the second one ending the program as usual. (mpirun ends its ranks within a
/// second after those two.)
class StopRequest {
 public:
  explicit StopRequest(int ranks);
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;
  ~StopRequest();

  /// Whether this rank received one.
  [[nodiscard]] bool received() const;

 private:
  bool alone_;
};

}  // namespace tokenwerk
