#include "parallel/comm/collectives.h"

#include <algorithm>
#include <bit>

#include "parallel/comm/halving.h"
#include "parallel/comm/ring.h"

namespace tokenwerk {
namespace {

/// Up to here few rounds matter more than few bytes.
constexpr std::size_t small_bytes = std::size_t{16} << 10;
/// Blocks so small that a ring's p - 1 rounds cost more than its even load saves, however many.
constexpr std::size_t small_block = 64;

constexpr ByteRange output(std::size_t first, std::size_t bytes) {
  return {PlanBuffer::output, first, bytes};
}
constexpr ByteRange input(std::size_t first, std::size_t bytes) {
  return {PlanBuffer::input, first, bytes};
}
constexpr ByteRange scratch(std::size_t first, std::size_t bytes) {
  return {PlanBuffer::scratch, first, bytes};
}

/// Where the number of ranks is no power of two, the first `pairs` odd ranks stand aside: they give
/// their values to the even rank before them and get the result back.
struct Fold {
  int active;  ///< a power of two
  int pairs;
  int place;  ///< of this rank among the active ones, or -1

  explicit Fold(PlanSite site)
      : active(static_cast<int>(std::bit_floor(static_cast<unsigned>(site.size)))),
        pairs(site.size - active),
        place(site.rank >= 2 * pairs ? site.rank - pairs
              : site.rank % 2 == 0   ? site.rank / 2
                                     : -1) {}
  [[nodiscard]] int rank_at(int p) const { return p < pairs ? 2 * p : p + pairs; }
};

/// In each round partners exchange all they have; x + y and y + x have the same bits.
void add_doubling(PlanBuilder& b, PlanSite site, std::size_t bytes) {
  const Fold fold(site);
  if (fold.place < 0) {
    b.wait(b.send(site.rank - 1, output(0, bytes)));
    b.wait(b.receive(site.rank - 1, output(0, bytes)));
    return;
  }
  const bool folded = fold.place < fold.pairs;
  if (folded) {
    b.wait(b.receive(site.rank + 1, scratch(0, bytes)));
    b.reduce(output(0, bytes), scratch(0, bytes));
  }
  for (int distance = 1; distance < fold.active; distance *= 2) {
    const int peer = fold.rank_at(fold.place ^ distance);
    const PlannedMessage received = b.receive(peer, scratch(0, bytes));
    b.wait(b.send(peer, output(0, bytes)));
    b.wait(received);
    b.reduce(output(0, bytes), scratch(0, bytes));
  }
  if (folded) b.send(site.rank + 1, output(0, bytes));
}

/// Blocks spread in log2 p rounds: after round k a rank holds those of the 2^k ranks from itself
/// on. Bruck et al., "Efficient algorithms for all-to-all communications", 1997.
void add_bruck(PlanBuilder& b, PlanSite site, std::size_t bytes) {
  const auto p = static_cast<std::size_t>(site.size), r = static_cast<std::size_t>(site.rank);
  b.copy(scratch(0, bytes), input(0, bytes));
  for (std::size_t held = 1; held < p; held *= 2) {
    const std::size_t more = std::min(held, p - held);
    const PlannedMessage received =
        b.receive(static_cast<int>((r + held) % p), scratch(held * bytes, more * bytes));
    b.wait(b.send(static_cast<int>((r + p - held) % p), scratch(0, more * bytes)));
    b.wait(received);
  }
  b.copy(output(r * bytes, (p - r) * bytes), scratch(0, (p - r) * bytes));
  b.copy(output(0, r * bytes), scratch((p - r) * bytes, r * bytes));
}

}  // namespace

MessagePlan plan_all_reduce(PlanSite site, Index count, std::size_t element) {
  PlanBuilder b;
  const std::size_t bytes = static_cast<std::size_t>(count) * element;
  if (bytes <= small_bytes)
    add_doubling(b, site, bytes);
  else if (site.size > 2 && std::has_single_bit(static_cast<unsigned>(site.size)))
    add_halving_doubling(b, site, count, element);
  else
    add_ring(b, site, {PlanBuffer::output, count, element, site.size}, RingPhases::both);
  return b.take();
}

MessagePlan plan_reduce_scatter(PlanSite site, Index count, std::size_t element) {
  PlanBuilder b;
  const RingLayout layout{PlanBuffer::workspace, count * site.size, element, site.size};
  if (std::has_single_bit(static_cast<unsigned>(site.size)))
    add_halving_scatter(b, site, static_cast<std::size_t>(count) * element);
  else
    add_ring(b, site, layout, RingPhases::reduce_scatter);
  b.copy(output(0, static_cast<std::size_t>(count) * element), layout.chunk(site.rank));
  return b.take();
}

MessagePlan plan_all_gather(PlanSite site, std::size_t bytes) {
  PlanBuilder b;
  const auto p = static_cast<std::size_t>(site.size);
  const bool many_small = bytes <= small_block && p * bytes <= plan_scratch_bytes;
  if (p * bytes <= small_bytes || many_small) {
    add_bruck(b, site, bytes);
    return b.take();
  }
  const RingLayout layout{PlanBuffer::output, static_cast<Index>(p * bytes), 1, site.size};
  b.copy(layout.chunk(site.rank), input(0, bytes));
  add_ring(b, site, layout, RingPhases::all_gather);
  return b.take();
}

MessagePlan plan_broadcast(PlanSite site, std::size_t bytes, int root) {
  PlanBuilder b;
  const int p = site.size, place = (site.rank - root + p) % p;
  // A binomial tree: a rank's parent clears the lowest set bit of its place.
  const int reach =
      place == 0 ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(p))) : place & -place;
  for (std::size_t done = 0; done < bytes; done += plan_segment_bytes) {
    const ByteRange segment = output(done, std::min(plan_segment_bytes, bytes - done));
    if (place != 0) b.wait(b.receive((place - reach + root) % p, segment));
    for (int step = reach / 2; step > 0; step /= 2)
      if (place + step < p) b.send((place + step + root) % p, segment);
  }
  return b.take();
}

MessagePlan plan_all_to_all(PlanSite site, std::size_t bytes) {
  PlanBuilder b;
  const auto at = [&](int rank) { return static_cast<std::size_t>(rank) * bytes; };
  b.copy(output(at(site.rank), bytes), input(at(site.rank), bytes));
  for (int distance = 1; distance < site.size; ++distance) {
    const int to = (site.rank + distance) % site.size;
    const int from = (site.rank + site.size - distance) % site.size;
    const PlannedMessage received = b.receive(from, output(at(from), bytes));
    b.wait(b.send(to, input(at(to), bytes)));
    b.wait(received);
  }
  return b.take();
}

MessagePlan plan_exchange(int to, std::size_t send_bytes, int from, std::size_t receive_bytes) {
  PlanBuilder b;
  if (from >= 0) b.receive(from, output(0, receive_bytes));
  if (to >= 0) b.send(to, input(0, send_bytes));
  return b.take();
}

MessagePlan plan_barrier(PlanSite site) {
  PlanBuilder b;
  // Dissemination: after round k a rank has heard, at one or more hands, from 2^k ranks before it.
  for (int distance = 1; distance < site.size; distance *= 2) {
    const PlannedMessage received =
        b.receive((site.rank + site.size - distance) % site.size, output(0, 0));
    b.send((site.rank + distance) % site.size, output(0, 0));
    b.wait(received);
  }
  return b.take();
}

}  // namespace tokenwerk
