#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "tests/emulator/nccl/items.h"

namespace tokenwerk::emulator {
namespace {

/// A message in pieces; an empty one is one piece without bytes.
class Pieces {
 public:
  explicit Pieces(std::size_t bytes) : bytes_(bytes) {}
  [[nodiscard]] std::size_t offset() const { return offset_; }
  [[nodiscard]] std::size_t size() const { return std::min(Channel::capacity, bytes_ - offset_); }
  [[nodiscard]] bool is_first() const { return offset_ == 0; }
  [[nodiscard]] bool are_complete() const { return is_complete_; }
  void next() {
    offset_ += size();
    is_complete_ = offset_ == bytes_;
  }

 private:
  std::size_t bytes_;
  std::size_t offset_ = 0;
  bool is_complete_ = false;
};

class Send final : public Item {
 public:
  Send(const Call& call, const void* data, std::vector<DeviceRange> ranges)
      : Item(call, std::move(ranges)), data_(data), pieces_(call.bytes()) {}

  [[nodiscard]] std::vector<int> waits_for(const ncclComm&) const override {
    return {call().partner};
  }

 private:
  [[nodiscard]] Step do_advance(ncclComm& comm) override {
    auto& channel = comm.segment->channel(comm.rank, call().partner);
    const auto posted = channel.posted.load();
    if (channel.consumed != posted) return Step::none;
    // Complete only now that the other rank has taken the last piece: a program that counts on
    // buffers between the ranks is found out.
    if (pieces_.are_complete()) return Step::complete;
    channel.call = call();
    if (pieces_.size() > 0) {
      std::memcpy(channel.data, bytes_at(data_) + pieces_.offset(), pieces_.size());
    }
    pieces_.next();
    channel.posted = posted + 1;
    return Step::some;
  }

  const void* data_;
  Pieces pieces_;
};

class Receive final : public Item {
 public:
  Receive(const Call& call, void* data, std::vector<DeviceRange> ranges)
      : Item(call, std::move(ranges)), data_(data), pieces_(call.bytes()) {}

  [[nodiscard]] std::vector<int> waits_for(const ncclComm&) const override {
    return {call().partner};
  }

 private:
  [[nodiscard]] Step do_advance(ncclComm& comm) override {
    auto& channel = comm.segment->channel(call().partner, comm.rank);
    const auto consumed = channel.consumed.load();
    if (channel.posted == consumed) return Step::none;
    if (pieces_.is_first() && !fit(channel.call, call())) {
      comm.fail(ncclInvalidUsage, fmt::format("{}; rank {} calls {}", describe(call()),
                                              call().partner, describe(channel.call)));
      return Step::none;
    }
    if (pieces_.size() > 0) {
      std::memcpy(bytes_at(data_) + pieces_.offset(), channel.data, pieces_.size());
    }
    pieces_.next();
    channel.consumed = consumed + 1;
    return pieces_.are_complete() ? Step::complete : Step::some;
  }

  void* data_;
  Pieces pieces_;
};

}  // namespace

std::unique_ptr<Item> make_send(const Call& call, const void* data,
                                std::vector<DeviceRange> ranges) {
  return std::make_unique<Send>(call, data, std::move(ranges));
}

std::unique_ptr<Item> make_receive(const Call& call, void* data, std::vector<DeviceRange> ranges) {
  return std::make_unique<Receive>(call, data, std::move(ranges));
}

}  // namespace tokenwerk::emulator
