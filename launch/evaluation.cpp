#include "launch/evaluation.h"

#include <algorithm>
#include <numeric>

#include "core/ops/elementwise.h"
#include "launch/batch_reader.h"

namespace tokenwerk {

double total_on_host(Stream& stream, ConstTensorView sum) {
  const Tensor total(stream.device(), DType::f64, Shape{1});
  exact_total(stream, total, sum);
  double value = 0.0;
  stream.device().copy_to_host(stream, &value, total.view().data, sizeof value);
  stream.synchronize();
  return value;
}

Evaluation evaluate(Stream& stream, const TokenDataset& dataset, Communicator& data,
                    Index micro_batch, Index limit, const LossSum& loss_sum) {
  const Index samples =
      limit > 0 ? std::min(limit, dataset.sample_count()) : dataset.sample_count();
  const SampleRange mine = part_of({0, samples}, data.rank(), data.size());
  const Index most = (samples + data.size() - 1) / data.size();  // of any rank
  micro_batch = std::clamp<Index>(micro_batch, 1, most);
  BatchReader reader(stream.device(), dataset, micro_batch);
  std::vector<Index> batch;
  const auto read = [&](Index i) {
    const Index first = std::min(mine.first + i * micro_batch, mine.last);
    batch.resize(static_cast<std::size_t>(std::min(micro_batch, mine.last - first)));
    std::iota(batch.begin(), batch.end(), first);
    return reader.read(stream, batch);
  };
  const double sum = loss_sum({(most + micro_batch - 1) / micro_batch, reader.rows(), read});
  return {sum / static_cast<double>(samples * dataset.sequence_length()), samples};
}

LossSum whole_model_loss(Stream& stream, const Model& model, Communicator& data) {
  return [&](const EvaluationBatches& batches) {
    const Tensor loss_sum(model.device(), DType::f64, Shape{ExactSum::stored});
    fill(stream, loss_sum, 0.0);
    StageRunner runner(stream, model, nullptr, nullptr);
    runner.begin({.rows = batches.rows,
                  .rows_here = batches.rows,
                  .read = batches.read,
                  .loss_sum = loss_sum,
                  .mode = Mode::evaluate});
    for (Index i = 0; i < batches.count; ++i) runner.forward(0, i, {}, {});
    data.all_reduce(stream, loss_sum);
    return total_on_host(stream, loss_sum);
  };
}

}  // namespace tokenwerk
