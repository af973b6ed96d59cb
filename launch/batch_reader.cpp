#include "launch/batch_reader.h"

#include <chrono>
#include <utility>

namespace tokenwerk {
namespace {

/// The first elements of a 1-D array.
ConstTensorView first_of(const Tensor& tensor, Index count) {
  ConstTensorView view = tensor;
  view.shape = Shape{count};
  view.row_stride = count;
  return view;
}

}  // namespace

SampleRange part_of(SampleRange range, Index rank, Index size) {
  return {range.first + range.count() * rank / size,
          range.first + range.count() * (rank + 1) / size};
}

BatchReader::BatchReader(Device& device, const TokenDataset& dataset, Index micro_batch)
    : dataset_(&dataset) {
  const Index tokens = micro_batch * dataset.sequence_length();
  host_tokens_.resize(static_cast<std::size_t>(tokens));
  host_targets_.resize(static_cast<std::size_t>(tokens));
  tokens_ = Tensor(device, DType::i32, Shape{tokens});
  targets_ = Tensor(device, DType::i32, Shape{tokens});
}

MicroBatch BatchReader::read(Stream& stream, std::span<const Index> samples, Index first_sequence) {
  const auto start = std::chrono::steady_clock::now();
  const auto length = static_cast<std::size_t>(dataset_->sequence_length());
  const std::size_t count = samples.size() * length;
  TW_CHECK(count <= host_tokens_.size(), "a batch of ", samples.size(), " samples is too large");
  for (std::size_t i = 0; i < samples.size(); ++i) {
    dataset_->read(samples[i], std::span(host_tokens_).subspan(i * length, length),
                   std::span(host_targets_).subspan(i * length, length));
  }
  const std::size_t bytes = count * sizeof(std::int32_t);
  Device& device = stream.device();
  device.copy_from_host(stream, tokens_.view().data, host_tokens_.data(), bytes);
  device.copy_from_host(stream, targets_.view().data, host_targets_.data(), bytes);
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto elements = static_cast<Index>(count);
  return {first_of(tokens_, elements), first_of(targets_, elements), first_sequence};
}

double BatchReader::take_seconds() { return std::exchange(seconds_, 0.0); }

}  // namespace tokenwerk
