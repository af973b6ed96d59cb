#include "launch/evaluation.h"

#include <algorithm>
#include <numeric>

#include "core/ops/elementwise.h"
#include "launch/batch_reader.h"

namespace tokenwerk {

Evaluation evaluate(Stream& stream, Model& model, const TokenDataset& dataset, Communicator& data,
                    Index micro_batch, Index limit) {
  const Index samples =
      limit > 0 ? std::min(limit, dataset.sample_count()) : dataset.sample_count();
  const SampleRange mine = part_of({0, samples}, data.rank(), data.size());
  Tensor loss_sum(model.device(), DType::f64, Shape{1});
  fill(stream, loss_sum, 0.0);
  BatchReader reader(model.device(), dataset, micro_batch);
  std::vector<Index> batch;
  for (Index first = mine.first; first < mine.last; first += micro_batch) {
    batch.resize(static_cast<std::size_t>(std::min(micro_batch, mine.last - first)));
    std::iota(batch.begin(), batch.end(), first);
    forward_loss(stream, model, reader.read(stream, batch, first), loss_sum);
    data.progress();
  }
  data.all_reduce(stream, loss_sum);
  double sum = 0.0;
  model.device().copy_to_host(stream, &sum, loss_sum.view().data, sizeof sum);
  stream.synchronize();
  return {sum / static_cast<double>(samples * dataset.sequence_length()), samples};
}

}  // namespace tokenwerk
