#pragma once
/// Sums the gradients of a step over the ranks that saw other tokens, while backward still runs,
/// and leaves each rank with its shard: Rajbhandari et al. 2020, ZeRO (arXiv:1910.02054).

#include <memory>
#include <vector>

#include "core/nn/gradient_sink.h"
#include "core/nn/parameter_store.h"
#include "core/ops/matmul.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// The axes that gradients are summed over. data = replicate x shard.
struct DataAxes {
  Communicator* data = nullptr;
  Communicator* replicate = nullptr;
  Communicator* shard = nullptr;
  Communicator* tensor = nullptr;  ///< for arrays whose gradient covers a slice of the tokens
};

/// Groups that each unit of the model has gradients for (core/nn/weight_observer.h).
using Units = std::vector<std::vector<ParameterGroup*>>;

class GradientSync {
 public:
  GradientSync() = default;
  GradientSync(const GradientSync&) = delete;
  GradientSync& operator=(const GradientSync&) = delete;
  virtual ~GradientSync() = default;

  /// A new step of so many micro-batches: gradients start from nothing.
  virtual void begin(Index microbatches) = 0;
  /// Takes the weight gradients of the layers.
  [[nodiscard]] virtual GradientSink& sink() = 0;
  /// The sink has all gradients of a unit for one micro-batch.
  virtual void added(Stream& stream, Index unit) = 0;
  /// All micro-batches are done: makes the stream wait for the sums.
  virtual void finish(Stream& stream) = 0;
  /// After `finish`: this rank's shard of a group's gradient, as ParameterStore::shard_window.
  [[nodiscard]] virtual TensorView shard(const ParameterGroup& group) const = 0;
};

struct GradientSyncOptions {
  int zero = 0;
  SumOrder order = SumOrder::fast;
  Index global_batch = 0;  ///< sequences of a step, on all ranks: for the fixed order
};

/// For ZeRO stage 0: each rank holds the whole gradient; all-reduce in buckets, once a step. Stage
/// 1: the same memory; reduce-scatter once a step. Stages 2 and 3: each micro-batch's gradients are
/// reduced into the shards as a unit's backward ends. In fixed order: ordered_gradients.h.
[[nodiscard]] std::unique_ptr<GradientSync> make_gradient_sync(const GradientSyncOptions& options,
                                                               Stream& stream, const DataAxes& axes,
                                                               const ParameterStore& store,
                                                               const Units& units);

}  // namespace tokenwerk
