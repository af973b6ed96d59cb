#pragma once
/// Pinned host memory: allocated by cudaMallocHost and cudaHostAlloc, or registered.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tokenwerk::emulator {

/// A part of pinned memory that a queued operation uses.
struct PinnedRange {
  const void* address = nullptr;
  std::uint64_t id = 0;
};

/// The range, if all of it is pinned memory of one piece.
[[nodiscard]] std::optional<PinnedRange> pinned_range(const void* address, std::size_t bytes);

/// Whether the memory is still pinned while an operation runs; if not, that is a fault.
[[nodiscard]] bool check_live(const PinnedRange& range, std::string_view operation);

}  // namespace tokenwerk::emulator
