#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "tests/emulator/nccl/items.h"

namespace tokenwerk::emulator {
namespace {

class Collective final : public Item {
 public:
  Collective(const Call& call, Part part, std::vector<DeviceRange> ranges)
      : Item(call, std::move(ranges)), part_(std::move(part)) {}

  [[nodiscard]] std::vector<int> waits_for(const ncclComm& comm) const override {
    std::vector<int> others;
    for (int rank = 0; rank < comm.ranks; ++rank) {
      if (comm.segment->rank(rank).posted <= comm.next_round) others.push_back(rank);
    }
    return others;
  }

 private:
  [[nodiscard]] Step do_advance(ncclComm& comm) override {
    auto step = Step::none;
    while (true) {
      if (!is_posted_) {
        post(comm);
        step = Step::some;
      }
      if (!waits_for(comm).empty()) return step;
      if (offset_ == 0 && !check_calls(comm)) return step;
      take(comm);
      step = Step::some;
      if (offset_ >= part_.length) return Step::complete;
    }
  }

  [[nodiscard]] std::size_t piece() const {
    return std::min(Contribution::capacity, part_.length - offset_);
  }

  /// Puts the next piece on the table. There are two places by turns: who has come to this round
  /// saw all others post the last one, so they have read the one before it.
  void post(ncclComm& comm) {
    auto& place = comm.own().table[comm.next_round % 2];
    place.call = call();
    if (part_.contribution != nullptr) {
      std::memcpy(place.data, bytes_at(part_.contribution) + offset_, piece());
    }
    comm.own().posted = comm.next_round + 1;
    is_posted_ = true;
  }

  bool check_calls(ncclComm& comm) {
    for (int rank = 0; rank < comm.ranks; ++rank) {
      const auto& other = comm.segment->rank(rank).table[comm.next_round % 2].call;
      if (agree(call(), other)) continue;
      comm.fail(ncclInvalidUsage,
                fmt::format("{}; rank {} calls {}", describe(call()), rank, describe(other)));
      return false;
    }
    return true;
  }

  void take(ncclComm& comm) {
    std::vector<const std::byte*> pieces;
    for (int rank = 0; rank < comm.ranks; ++rank) {
      pieces.push_back(comm.segment->rank(rank).table[comm.next_round % 2].data);
    }
    if (part_.consume && part_.length > 0) part_.consume(offset_, piece(), pieces);
    offset_ += Contribution::capacity;
    is_posted_ = false;
    ++comm.next_round;
  }

  Part part_;
  std::size_t offset_ = 0;
  bool is_posted_ = false;
};

}  // namespace

std::unique_ptr<Item> make_collective(const Call& call, Part part,
                                      std::vector<DeviceRange> ranges) {
  return std::make_unique<Collective>(call, std::move(part), std::move(ranges));
}

}  // namespace tokenwerk::emulator
