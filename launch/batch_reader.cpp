#include "launch/batch_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/ops/loss.h"
#include "core/seconds.h"
#include "launch/agreement.h"

namespace tokenwerk {

TokenDataset open_dataset(const std::string& prefix, const Recipe& recipe, Communicator& ranks) {
  const Index vocabulary = recipe.model.vocabulary.value();
  std::optional<TokenDataset> dataset;
  agree(ranks, [&] {
    dataset.emplace(prefix, recipe.data.sequence_length, vocabulary);
    const SampleRange part =
        part_of({0, dataset->tokens().token_count()}, ranks.rank(), ranks.size());
    dataset->check_tokens({part.first, part.last});
  });
  return std::move(*dataset);
}

BatchReader::BatchReader(Device& device, const TokenDataset& dataset, Index micro_batch)
    : device_(&device), dataset_(&dataset) {
  const Index tokens = micro_batch * dataset.sequence_length();
  host_tokens_.resize(static_cast<std::size_t>(tokens));
  host_targets_.resize(static_cast<std::size_t>(tokens));
}

MicroBatch BatchReader::read(Stream& stream, std::span<const Index> samples) {
  const SecondsInto timer(seconds_);
  const auto length = static_cast<std::size_t>(dataset_->sequence_length());
  const std::size_t count = samples.size() * length;
  TW_CHECK(count <= host_tokens_.size(), "a batch of ", samples.size(), " samples is too large");
  for (std::size_t i = 0; i < samples.size(); ++i) {
    dataset_->read(samples[i], std::span(host_tokens_).subspan(i * length, length),
                   std::span(host_targets_).subspan(i * length, length));
  }
  std::fill(host_tokens_.begin() + static_cast<std::ptrdiff_t>(count), host_tokens_.end(), 0);
  std::fill(host_targets_.begin() + static_cast<std::ptrdiff_t>(count), host_targets_.end(),
            masked_target);
  MicroBatch batch;
  const auto copy = [&](const std::vector<std::int32_t>& host) {
    Tensor tensor(*device_, DType::i32, Shape{rows()});
    device_->copy_from_host(stream, tensor.view().data, host.data(), tensor.bytes());
    return tensor;
  };
  batch.tokens_owner = copy(host_tokens_);
  batch.targets_owner = copy(host_targets_);
  batch.tokens = batch.tokens_owner;
  batch.targets = batch.targets_owner;
  return batch;
}

double BatchReader::take_seconds() { return std::exchange(seconds_, 0.0); }

}  // namespace tokenwerk
