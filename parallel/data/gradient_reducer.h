#pragma once
/// Sums gradients over the data-parallel ranks while backward still runs.

#include <vector>

#include "core/nn/parameter_store.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Half-open range of elements of a flat buffer.
struct ElementRange {
  Index first = 0;
  Index last = 0;
  [[nodiscard]] Index count() const { return last - first; }
  friend bool operator==(const ElementRange&, const ElementRange&) = default;
};

struct GradientReducerOptions {
  std::size_t bucket_bytes = std::size_t{4} << 20;
};

/// Splits units, in the order in which backward completes them, into buckets of neighbouring units
/// of about `bucket_bytes`; a unit larger than that makes a bucket alone. Pure.
struct GradientBucket {
  ElementRange range;
  Index units = 0;  ///< how many units make it up, consecutive in the given order
};
[[nodiscard]] std::vector<GradientBucket> make_buckets(const std::vector<ElementRange>& units,
                                                       std::size_t bytes_per_element,
                                                       const GradientReducerOptions& options);

/// Owns the communication stream of one flat gradient buffer (dense, f32 or f64, alive as long as
/// this). Buckets are summed in an order fixed by the units, never by arrival, so that all ranks
/// queue the same collectives. The values are sums, not means: the loss already divides by the
/// global number of tokens.
class GradientReducer {
 public:
  /// `units`: disjoint, together the whole buffer, in the order in which backward completes them.
  /// Throws ShapeError otherwise.
  GradientReducer(Communicator&, TensorView gradient, std::vector<ElementRange> units,
                  const GradientReducerOptions& options = {});
  /// `gradient` is laid out like the store's whole values, and each group is a unit, from the last
  /// to the first: backward completes them in about that order.
  GradientReducer(Communicator&, const ParameterStore&, TensorView gradient,
                  const GradientReducerOptions& options = {});

  /// A unit's gradient is final once `stream` has done its work: in the last micro-batch of a step,
  /// once per unit and step. Queues the buckets that are complete, and moves communication on.
  void mark_ready(Stream& stream, const ElementRange& unit);
  /// The same for a group of the store that this was made for.
  void mark_ready(Stream& stream, const ParameterGroup& group);
  /// All gradients are final: queues what is left and makes `stream` wait for the sums.
  void finish(Stream& stream);

  [[nodiscard]] const std::vector<GradientBucket>& buckets() const { return buckets_; }

 private:
  void queue_bucket(Stream& stream, const GradientBucket& bucket);

  Communicator* comm_;
  TensorView gradient_;
  std::unique_ptr<Registration> registered_;  ///< the gradient
  std::vector<ElementRange> units_;
  GradientReducerOptions options_;
  std::vector<GradientBucket> buckets_;
  std::vector<std::size_t> bucket_of_unit_;
  std::vector<Index> missing_;   ///< units of each bucket that are not final yet
  std::vector<char> ready_;      ///< which units are
  std::size_t next_bucket_ = 0;  ///< the first that is not queued
  std::unique_ptr<Stream> stream_;
};

}  // namespace tokenwerk
