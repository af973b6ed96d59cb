#include "parallel/comm/halving.h"

#include <algorithm>

namespace tokenwerk {
namespace {

/// One partner: what we keep and sum, what we give away and get back summed.
struct Round {
  int peer = -1;
  std::vector<ByteRange> kept{}, given{};
  PlannedMessage sent{};  ///< the messages that carry `given`
};

std::vector<ByteRange> segments_of(const std::vector<ByteRange>& ranges) {
  std::vector<ByteRange> out;
  for (const ByteRange& range : ranges) {
    for (std::size_t done = 0; done < range.bytes; done += plan_segment_bytes)
      out.push_back(
          {range.buffer, range.first + done, std::min(plan_segment_bytes, range.bytes - done)});
  }
  return out;
}

void send_given(PlanBuilder& b, Round& round) {
  bool first = true;
  for (const ByteRange& segment : segments_of(round.given)) {
    const PlannedMessage message = b.send(round.peer, segment);
    if (first) round.sent.first = message.first;
    round.sent.last = message.last;
    first = false;
  }
}

void receive_kept(PlanBuilder& b, const Round& round) {
  const std::vector<ByteRange> segments = segments_of(round.kept);
  const auto slot = [&](std::size_t i) {
    return ByteRange{PlanBuffer::scratch, i % plan_window * plan_segment_bytes, segments[i].bytes};
  };
  std::vector<PlannedMessage> received;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    while (received.size() < std::min(segments.size(), i + plan_window))
      received.push_back(b.receive(round.peer, slot(received.size())));
    b.wait(received[i]);
    b.reduce(segments[i], slot(i));
  }
}

}  // namespace

void add_halving_doubling(PlanBuilder& b, PlanSite site, Index count, std::size_t element) {
  const auto range = [&](Index first, Index last) {
    return ByteRange{PlanBuffer::output, static_cast<std::size_t>(first) * element,
                     static_cast<std::size_t>(last - first) * element};
  };
  std::vector<Round> rounds;
  Index first = 0, last = count;
  for (int distance = 1; distance < site.size; distance *= 2) {
    const Index middle = first + (last - first) / 2;
    const bool lower = (site.rank & distance) == 0;
    Round round{.peer = site.rank ^ distance,
                .kept = {lower ? range(first, middle) : range(middle, last)},
                .given = {lower ? range(middle, last) : range(first, middle)}};
    send_given(b, round);
    receive_kept(b, round);
    rounds.push_back(round);
    (lower ? last : first) = middle;
  }
  for (std::size_t i = rounds.size(); i-- > 0;) {
    b.wait(rounds[i].sent);
    const PlannedMessage received = b.receive(rounds[i].peer, rounds[i].given.front());
    b.send(rounds[i].peer, rounds[i].kept.front());
    b.wait(received);
  }
}

void add_halving_scatter(PlanBuilder& b, PlanSite site, std::size_t bytes) {
  const auto part = [bytes](int rank) {
    return ByteRange{PlanBuffer::workspace, static_cast<std::size_t>(rank) * bytes, bytes};
  };
  for (int distance = 1; distance < site.size; distance *= 2) {
    // So far both hold the parts of ranks that agree with them in the lower bits.
    Round round{.peer = site.rank ^ distance};
    for (int rank = site.rank % distance; rank < site.size; rank += distance)
      ((rank & distance) == (site.rank & distance) ? round.kept : round.given)
          .push_back(part(rank));
    send_given(b, round);
    receive_kept(b, round);
    b.wait(round.sent);
  }
}

}  // namespace tokenwerk
