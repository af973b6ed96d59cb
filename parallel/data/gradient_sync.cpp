#include "parallel/data/gradient_sync.h"

#include "parallel/data/ordered_gradients.h"
#include "parallel/data/sharded_gradients.h"
#include "parallel/data/whole_gradients.h"

namespace tokenwerk {

std::unique_ptr<GradientSync> make_gradient_sync(const GradientSyncOptions& options, Stream& stream,
                                                 const DataAxes& axes, const ParameterStore& store,
                                                 const Units& units) {
  if (options.order == SumOrder::fixed)
    return std::make_unique<OrderedGradients>(stream, axes, store, units, options.global_batch);
  if (options.zero == 0) return std::make_unique<AllReducedGradients>(stream, axes, store, units);
  if (options.zero == 1) return std::make_unique<ScatteredGradients>(stream, axes, store, units);
  return std::make_unique<ShardedGradients>(stream, axes, store, units);
}

}  // namespace tokenwerk
