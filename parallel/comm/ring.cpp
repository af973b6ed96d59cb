#include "parallel/comm/ring.h"

#include <algorithm>
#include <map>

namespace tokenwerk {
namespace {

/// A segment that comes from the left neighbour.
struct Arrival {
  ByteRange where;
  bool summed = false;   ///< goes through scratch into what is there, instead of replacing it
  bool forward = false;  ///< is sent on to the right
};

/// Chunk r - t - 2 arrives in round t of the reduce-scatter, so that chunk r comes last, and chunk
/// r - t - 1 in round t of the all-gather. What arrives in one round is what leaves in the next.
std::vector<Arrival> arrivals_of(PlanSite site, const RingLayout& layout, RingPhases phases) {
  std::vector<Arrival> out;
  const int rounds = site.size - 1;
  if (phases != RingPhases::all_gather)
    for (int t = 0; t < rounds; ++t)
      for (const ByteRange& segment : layout.segments(site.rank - t - 2))
        out.push_back({segment, true, t + 1 < rounds || phases == RingPhases::both});
  if (phases != RingPhases::reduce_scatter)
    for (int t = 0; t < rounds; ++t)
      for (const ByteRange& segment : layout.segments(site.rank - t - 1))
        out.push_back({segment, false, t + 1 < rounds});
  return out;
}

class Ring {
 public:
  Ring(PlanBuilder& builder, PlanSite site, std::vector<Arrival> arrivals)
      : builder_(builder),
        left_((site.rank + site.size - 1) % site.size),
        right_((site.rank + 1) % site.size),
        arrivals_(std::move(arrivals)) {
    for (const Arrival& arrival : arrivals_)
      if (arrival.summed) awaited_[arrival.where.first] = true;
  }

  void send(const ByteRange& segment) {
    sent_[segment.first] = builder_.send(right_, segment);
    awaited_[segment.first] = false;
  }

  void run() {
    for (std::size_t i = 0; i < arrivals_.size(); ++i) {
      const Arrival& arrival = arrivals_[i];
      while (received_.size() < std::min(arrivals_.size(), i + plan_window) &&
             may_post(received_.size()))
        post(received_.size());
      builder_.wait(received_[i]);
      if (arrival.summed) builder_.reduce(arrival.where, slot(i));
      awaited_[arrival.where.first] = false;
      if (arrival.forward) send(arrival.where);
    }
  }

 private:
  [[nodiscard]] ByteRange slot(std::size_t i) const {
    return {PlanBuffer::scratch, i % plan_window * plan_segment_bytes, arrivals_[i].where.bytes};
  }

  /// A final value may not arrive before the partial sum in its place has been sent on.
  [[nodiscard]] bool may_post(std::size_t i) const {
    const auto awaited = awaited_.find(arrivals_[i].where.first);
    return arrivals_[i].summed || awaited == awaited_.end() || !awaited->second;
  }

  void post(std::size_t i) {
    const ByteRange& where = arrivals_[i].where;
    if (arrivals_[i].summed) {
      received_.push_back(builder_.receive(left_, slot(i)));
      return;
    }
    if (const auto sent = sent_.find(where.first); sent != sent_.end()) builder_.wait(sent->second);
    received_.push_back(builder_.receive(left_, where));
  }

  PlanBuilder& builder_;
  int left_;
  int right_;
  std::vector<Arrival> arrivals_;
  std::vector<PlannedMessage> received_;        ///< per arrival, as far as posted
  std::map<std::size_t, PlannedMessage> sent_;  ///< by offset of the segment
  std::map<std::size_t, bool> awaited_;         ///< whether a partial sum is still to come there
};

}  // namespace

ByteRange RingLayout::chunk(int chunk) const {
  const Index c = ((chunk % size) + size) % size;
  const auto first = static_cast<std::size_t>(count * c / size) * element;
  const auto last = static_cast<std::size_t>(count * (c + 1) / size) * element;
  return {buffer, first, last - first};
}

std::vector<ByteRange> RingLayout::segments(int index) const {
  const ByteRange whole = chunk(index);
  std::vector<ByteRange> out;
  const std::size_t step = plan_segment_bytes / element * element;
  for (std::size_t done = 0; done < whole.bytes; done += step)
    out.push_back({buffer, whole.first + done, std::min(step, whole.bytes - done)});
  return out;
}

void add_ring(PlanBuilder& builder, PlanSite site, const RingLayout& layout, RingPhases phases) {
  if (site.size == 1) return;
  Ring ring(builder, site, arrivals_of(site, layout, phases));
  const int first = phases == RingPhases::all_gather ? site.rank : site.rank - 1;
  for (const ByteRange& segment : layout.segments(first)) ring.send(segment);
  ring.run();
}

}  // namespace tokenwerk
