#include "parallel/data/gradient_reducer.h"

#include <algorithm>

#include "core/error.h"

namespace tokenwerk {
namespace {

/// Units, sorted, must tile 0 .. count.
void check_units(std::vector<ElementRange> units, Index count) {
  std::sort(units.begin(), units.end(), [](const ElementRange& a, const ElementRange& b) {
    return a.first != b.first ? a.first < b.first : a.last < b.last;
  });
  Index end = 0;
  for (const ElementRange& unit : units) {
    TW_CHECK_AS(ShapeError, unit.first == end && unit.last >= unit.first,
                "gradient units: ", unit.first, " to ", unit.last, " follows ", end, " of ", count,
                " elements");
    end = unit.last;
  }
  TW_CHECK_AS(ShapeError, end == count, "gradient units end at ", end, " of ", count, " elements");
}

/// Each group with the gap behind it.
std::vector<ElementRange> units_of(const ParameterStore& store) {
  std::vector<ElementRange> units;
  Index end = store.size();
  const auto& groups = store.groups();
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    units.push_back({(*group)->offset, end});
    end = (*group)->offset;
  }
  return units;
}

}  // namespace

std::vector<GradientBucket> make_buckets(const std::vector<ElementRange>& units,
                                         std::size_t bytes_per_element,
                                         const GradientReducerOptions& options) {
  const auto elements = static_cast<Index>(options.bucket_bytes / bytes_per_element);
  std::vector<GradientBucket> buckets;
  for (const ElementRange& unit : units) {
    if (!buckets.empty()) {
      ElementRange& range = buckets.back().range;
      const bool below = unit.last == range.first, above = unit.first == range.last;
      if ((below || above) && range.count() + unit.count() <= elements) {
        range = {std::min(range.first, unit.first), std::max(range.last, unit.last)};
        ++buckets.back().units;
        continue;
      }
    }
    buckets.push_back({unit, 1});
  }
  return buckets;
}

GradientReducer::GradientReducer(Communicator& comm, TensorView gradient,
                                 std::vector<ElementRange> units,
                                 const GradientReducerOptions& options)
    : comm_(&comm), gradient_(gradient), units_(std::move(units)), options_(options) {
  TW_CHECK_AS(ShapeError, gradient.data != nullptr && gradient.dense(),
              "the gradient buffer is not one dense array");
  check_units(units_, gradient.count());
  buckets_ = make_buckets(units_, size_of(gradient.dtype), options);
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    missing_.push_back(buckets_[bucket].units);
    bucket_of_unit_.insert(bucket_of_unit_.end(), static_cast<std::size_t>(buckets_[bucket].units),
                           bucket);
  }
  ready_.assign(units_.size(), 0);
  registered_ = comm.register_buffer(gradient);
  stream_ = comm.make_stream("gradients");
}

GradientReducer::GradientReducer(Communicator& comm, const ParameterStore& store,
                                 TensorView gradient, const GradientReducerOptions& options)
    : GradientReducer(comm, gradient, units_of(store), options) {}

void GradientReducer::mark_ready(Stream& stream, const ElementRange& unit) {
  const auto found = std::find(units_.begin(), units_.end(), unit);
  TW_CHECK_AS(ShapeError, found != units_.end(), "elements ", unit.first, " to ", unit.last,
              " are no unit of the gradient");
  const auto place = static_cast<std::size_t>(found - units_.begin());
  TW_CHECK_AS(ShapeError, ready_[place] == 0, "gradient elements ", unit.first, " to ", unit.last,
              " were marked ready twice in one step");
  ready_[place] = 1;
  --missing_[bucket_of_unit_[place]];
  while (next_bucket_ < buckets_.size() && missing_[next_bucket_] == 0)
    queue_bucket(stream, buckets_[next_bucket_++]);
  comm_->progress();
}

void GradientReducer::mark_ready(Stream& stream, const ParameterGroup& group) {
  const auto behind = static_cast<std::size_t>(group.index) + 1;  // units begin with the last group
  TW_CHECK_AS(ShapeError, behind <= units_.size(), group.parts.front().name,
              " is no unit of the gradient");
  mark_ready(stream, units_[units_.size() - behind]);
}

void GradientReducer::finish(Stream& stream) {
  while (next_bucket_ < buckets_.size()) queue_bucket(stream, buckets_[next_bucket_++]);
  stream.wait_for(stream_->record());
  next_bucket_ = 0;
  std::fill(ready_.begin(), ready_.end(), char{0});
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket)
    missing_[bucket] = buckets_[bucket].units;
}

/// A bucket of one very large unit is summed in pieces, which bounds what is in flight.
void GradientReducer::queue_bucket(Stream& stream, const GradientBucket& bucket) {
  stream_->wait_for(stream.record());
  const std::size_t element = size_of(gradient_.dtype);
  const auto most = std::max<Index>(1, static_cast<Index>(2 * options_.bucket_bytes / element));
  const Index count = bucket.range.count(), pieces = (count + most - 1) / most;
  for (Index piece = 0; piece < pieces; ++piece) {
    const Index first = bucket.range.first + count * piece / pieces;
    const Index last = bucket.range.first + count * (piece + 1) / pieces;
    comm_->all_reduce(*stream_, elements_of(gradient_, {first, last}));
  }
}

}  // namespace tokenwerk
