#pragma once
/// Computes a micro-batch of a replica again on the next one and compares loss and gradients bit
/// for bit: finds processors that compute wrongly where their memory is sound (Hochschild et al.,
/// "Cores that don't count", HotOS 2021).

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/data/sample_order.h"
#include "launch/batch_reader.h"
#include "launch/gradient_hash.h"
#include "launch/parallelism.h"
#include "launch/replica_finding.h"
#include "launch/train_step.h"

namespace tokenwerk {

/// Hashes of two micro-batches that a replica has computed.
struct ReplayHashes {
  std::uint64_t own = 0;
  std::uint64_t before = 0;  ///< the own one of the replica before it; before the first is the last
  friend bool operator==(const ReplayHashes&, const ReplayHashes&) = default;
};

/// What replicas in a ring make of it.
struct ReplayVerdict {
  std::vector<std::size_t> odd;  ///< replicas that agree with neither neighbour, of three or more
  /// Replicas that computed another thing than the one before them, whose micro-batch it was.
  std::vector<std::size_t> differing;
  friend bool operator==(const ReplayVerdict&, const ReplayVerdict&) = default;
};
[[nodiscard]] ReplayVerdict verdict_of(std::span<const ReplayHashes> ring);

class ReplayCheck {
 public:
  /// All ranks make it together. `ranks` joins them for data in host memory.
  ReplayCheck(MpiEnvironment& environment, Communicator& ranks, Parallelism& parallelism,
              TrainStep& step, const TokenDataset& data, const Recipe& recipe);

  [[nodiscard]] bool due(Index step) const { return step % every_ == 0; }
  /// From now on what this rank computes is wrong: the fault on request.
  void corrupt() { fault_ = GradientHash::Fault::flipped; }
  /// Collective, between two steps: two micro-batches are computed on each replica, the first of
  /// its own in the last global batch, which began at this place in the order of samples, and that
  /// of the replica before it. Ends the run (end_by) where two replicas differ.
  void check(Stream& stream, Index step, Index first_sample, RunLog& log,
             const std::function<void()>& before_end);

 private:
  /// Of the first micro-batch of a replica.
  [[nodiscard]] std::uint64_t hash_of(Stream& stream, Index replica, Index first_sample);
  [[nodiscard]] ReplicaFinding finding_of(const ReplayVerdict& verdict, Index step) const;

  Communicator* ranks_;
  const Mesh* mesh_;
  TrainStep* step_;
  BatchReader reader_;
  SampleOrder order_;
  std::string host_;
  Index every_;
  Index global_batch_;
  Index micro_batch_;
  std::unique_ptr<Communicator> data_;
  GradientHash::Fault fault_ = GradientHash::Fault::none;
};

}  // namespace tokenwerk
