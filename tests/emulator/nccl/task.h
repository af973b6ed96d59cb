#pragma once
/// What a call becomes: an item that moves forward whenever it is polled; the items of one group
/// and communicator make one task.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/emulator/nccl/communicator.h"
#include "tests/emulator/runtime/device_memory.h"

namespace tokenwerk::emulator {

/// One call in the making.
class Item {
 public:
  Item(const Call& call, std::vector<DeviceRange> ranges)
      : call_(call), ranges_(std::move(ranges)) {}
  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;
  virtual ~Item() = default;

  /// What came of a poll.
  enum class Step { none, some, complete };

  /// Moves forward as far as the other ranks allow.
  [[nodiscard]] Step advance(ncclComm& comm);
  [[nodiscard]] const Call& call() const { return call_; }
  /// The ranks without which it cannot go on.
  [[nodiscard]] virtual std::vector<int> waits_for(const ncclComm& comm) const = 0;
  /// Items that must follow one another have the same lane: collectives, or one direction to or
  /// from one rank.
  [[nodiscard]] std::pair<CallKind, int> lane() const;

 private:
  [[nodiscard]] virtual Step do_advance(ncclComm& comm) = 0;

  Call call_;
  std::vector<DeviceRange> ranges_;  ///< buffers, which must live as long as it runs
};

/// Runs an item on the stream: at the end of the group if the thread is in one, else now.
ncclResult_t issue(const Communicator& comm, std::unique_ptr<Item> item, cudaStream_t stream);

/// The groups of this thread; see ncclGroupStart.
void begin_group();
[[nodiscard]] ncclResult_t end_group();
[[nodiscard]] bool is_in_group();
/// A communicator that the end of the group waits for.
void set_up_in_group(const Communicator& comm);

}  // namespace tokenwerk::emulator
