#pragma once
/// Compares what replicas of the model hold, bit for bit: finds memory and processors that are
/// silently wrong.

#include <memory>
#include <string>

#include "launch/held_arrays.h"
#include "launch/parallelism.h"
#include "launch/replica_finding.h"
#include "launch/replica_vote.h"

namespace tokenwerk {

/// Ranks that hold the same arrays compare one hash of 8 bytes; only where it differs, the hashes
/// of all arrays, of which the majority is believed.
class ReplicaCheck {
 public:
  /// All ranks make it together. `ranks` joins them for data in host memory; `host` is this one's.
  ReplicaCheck(MpiEnvironment& environment, Communicator& ranks, const Parallelism& parallelism,
               const ParameterStore& store, const AdamWOptimizer& optimizer, Index every);

  [[nodiscard]] bool due(Index step) const { return step % every_ == 0; }
  /// Collective, after a step whose work is done. Where replicas differ, calls `before_end` and
  /// throws a SharedError (wrong_machine) that names the odd ranks as a dying rank names itself,
  /// "rank 3 host n2: ..."; without a majority it says so and blames none.
  void check(Index step, RunLog& log, const std::function<void()>& before_end);

 private:
  [[nodiscard]] ReplicaFinding compare(Communicator& peers, Index step,
                                       std::span<const HeldArray> arrays) const;
  [[nodiscard]] ReplicaFinding explain(Communicator& peers, Index step,
                                       std::span<const HeldArray> arrays,
                                       std::span<const std::uint64_t> mine) const;
  [[nodiscard]] std::string place_of(Index rank) const;
  void tell_scope(std::size_t compared, std::size_t held, double seconds);

  Communicator* ranks_;
  const Mesh* mesh_;
  const ParameterStore* store_;
  const AdamWOptimizer* optimizer_;
  std::string host_;
  Index every_;
  std::unique_ptr<Communicator> data_;
  std::unique_ptr<Communicator> replicate_;  ///< none where it is data
  bool told_ = false;
};

}  // namespace tokenwerk
