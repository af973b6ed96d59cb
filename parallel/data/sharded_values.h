#pragma once
/// Brings weights together whose owners are spread over the shard axis: Rajbhandari et al. 2020,
/// ZeRO (arXiv:1910.02054).

#include "core/nn/weight_observer.h"
#include "parallel/data/gradient_sync.h"

namespace tokenwerk {

/// How long gathered weights stay, where a rank keeps no more than its shard (ZeRO stage 3).
enum class Gathered { until_used, until_updated };

/// Which unit's weights are read after this one's; -1: not known.
struct UnitOrder {
  Index forward = -1;
  Index backward = -1;
};

/// Stages 1 and 2: after an update the new rows of all ranks are gathered into the whole array,
/// beside the start of the next step: each unit waits for its own. Stage 3: the whole weights of a
/// unit are gathered before each use, those of the next one in the same direction beside it.
class ShardedValues {
 public:
  /// `order[u]`: what is read before and after unit u, in each direction.
  ShardedValues(Communicator& shard, const ParameterStore& store, const Units& units,
                std::vector<UnitOrder> order, Gathered gathered);

  /// The unit's weights are about to be read: bound and whole when this returns.
  void before(Stream& stream, Index unit, Direction direction);
  void after(Index unit);
  /// The optimizer has changed this rank's shards.
  void updated(Stream& stream);
  /// All weights that are kept whole are there.
  void wait(Stream& stream);

 private:
  struct Weights {
    Tensor whole;  ///< of stage 3, while it is here
    Event ready;
  };
  /// Starts gathering a group's values, if they are not here or on the way.
  void gather(Stream& stream, ParameterGroup& group);
  Communicator* shard_;
  const ParameterStore* store_;
  const Units* units_;
  std::vector<UnitOrder> order_;
  Gathered gathered_;
  std::vector<Weights> weights_;              ///< by group
  std::unique_ptr<Registration> registered_;  ///< the values that are kept whole
  std::unique_ptr<Stream> stream_;
};

}  // namespace tokenwerk
