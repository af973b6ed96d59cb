#pragma once
/// The memory that the ranks of one communicator share.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/emulator/nccl/call.h"

namespace tokenwerk::emulator {

inline constexpr int most_ranks = 64;

/// What a rank puts on the table in one round of a collective.
struct Contribution {
  static constexpr std::size_t capacity = std::size_t{128} << 10;
  Call call;
  alignas(64) std::byte data[capacity];
};

/// A rank's answer in one call of ncclCommSplit.
struct SplitAnswer {
  std::atomic<std::uint64_t> number;  ///< of the call, from 1; the rest is valid once it is there
  std::int32_t color;
  std::int32_t key;
};

/// What one rank writes and all read. Zero at the start.
struct RankBlock {
  static constexpr std::size_t answers = 64;
  alignas(64) std::atomic<std::uint64_t> posted;  ///< rounds that this rank has put on the table
  std::atomic<bool> is_present;
  std::atomic<bool> is_busy;  ///< `current` says with what
  Call current;
  SplitAnswer split[answers];
  Contribution table[2];  ///< rounds take turns
};

/// From one rank to another one; empty when both counts are equal.
struct Channel {
  static constexpr std::size_t capacity = std::size_t{64} << 10;
  alignas(64) std::atomic<std::uint64_t> posted;
  alignas(64) std::atomic<std::uint64_t> consumed;
  Call call;
  alignas(64) std::byte data[capacity];
};

struct SegmentHead {
  std::atomic<int> ranks;  ///< as the first one said
  std::atomic<int> arrived;
  std::atomic<bool> is_complete;  ///< all have arrived, and the name has ended
  std::atomic<int> failure;       ///< an ncclResult_t that ends the work of all
};

/// The shared memory object of one communicator, mapped. Its name ends when all ranks have it.
class Segment final {
 public:
  /// Creates or opens it and says that this rank has come. Throws `std::runtime_error` if that
  /// fails or the ranks disagree about who they are.
  Segment(std::string name, int ranks, int rank);
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();

  [[nodiscard]] bool is_complete() const { return head().is_complete; }
  [[nodiscard]] SegmentHead& head() const;
  [[nodiscard]] RankBlock& rank(int rank) const;
  [[nodiscard]] Channel& channel(int from, int to) const;

 private:
  void unlink() const;

  std::string name_;
  int ranks_;
  std::byte* begin_ = nullptr;
  std::size_t bytes_ = 0;
};

/// A name that no other communicator has; `text` holds at least 64 characters.
void make_segment_name(char* text, std::size_t size);

}  // namespace tokenwerk::emulator
