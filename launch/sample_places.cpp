#include "launch/sample_places.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include "launch/counted.h"

namespace tokenwerk {
namespace {

/// The product of two such numbers fits an Index.
constexpr Index most_batches = std::numeric_limits<std::int32_t>::max();

std::optional<Index> batch_number(const std::string& text) {
  const auto number = number_of<Index>(text);
  return number && *number >= 1 && *number <= most_batches ? number : std::nullopt;
}

}  // namespace

SampleRange part_of(SampleRange range, Index rank, Index size) {
  return {range.first + range.count() * rank / size,
          range.first + range.count() * (rank + 1) / size};
}

void LeftOut::add(SampleRange range) {
  std::vector<SampleRange> apart;
  for (const SampleRange& other : ranges_) {
    if (other.last < range.first || range.last < other.first)
      apart.push_back(other);
    else
      range = {std::min(range.first, other.first), std::max(range.last, other.last)};
  }
  if (range.count() > 0) apart.push_back(range);
  std::ranges::sort(apart, {}, &SampleRange::first);
  ranges_ = std::move(apart);
}

Index LeftOut::place(Index first, Index i) const {
  Index place = first + i;
  for (const SampleRange& range : ranges_) {
    if (range.last <= first) continue;
    if (range.first > place) break;
    place += range.last - std::max(range.first, first);
  }
  return place;
}

std::optional<std::vector<SampleRange>> places_of_batches(const std::string& text,
                                                          Index global_batch) {
  std::vector<SampleRange> places;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t dash = part.find('-');
    const auto first = batch_number(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : batch_number(part.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    places.push_back({(*first - 1) * global_batch, *last * global_batch});
  }
  if (places.empty() || text.ends_with(',')) return std::nullopt;
  return places;
}

}  // namespace tokenwerk
