#include "launch/batch_source.h"

#include <algorithm>

namespace tokenwerk {

BatchSource::BatchSource(Device& device, const TokenDataset& dataset, const Recipe& recipe,
                         const Communicator& data, TraceRecorder* trace)
    : global_batch_(recipe.training.global_batch),
      micro_batch_(recipe.training.micro_batch),
      targets_(static_cast<double>(global_batch_ * dataset.sequence_length())),
      mine_(part_of({0, global_batch_}, data.rank(), data.size())),
      order_(dataset.sample_count(), static_cast<std::uint64_t>(recipe.training.seed)),
      reader_(device, dataset, micro_batch_),
      trace_(trace) {}

SampleRange BatchSource::places(Index first) const {
  return {left_out_.place(first, 0), left_out_.place(first, global_batch_ - 1) + 1};
}

StepBatches BatchSource::batches(Stream& stream, Index first) {
  const auto read_one = [this, &stream, first](Index i) {
    const Index begin = mine_.first + i * micro_batch_;
    return read(stream, first, {begin, std::min(begin + micro_batch_, mine_.last)});
  };
  return {.rows = reader_.rows(),
          .read = read_one,
          .scale = 1.0 / targets_,
          .first_sequence = mine_.first};
}

MicroBatch BatchSource::read(Stream& stream, Index first, SampleRange part) {
  samples_.clear();
  for (Index i = part.first; i < part.last; ++i)
    samples_.push_back(order_.sample_at(left_out_.place(first, i)));
  const TraceSpan span(trace_, "data", "data");
  return reader_.read(stream, samples_);
}

}  // namespace tokenwerk
