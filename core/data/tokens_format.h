#pragma once
/// Layout of the `.idx` header, shared by reader and writer (see tokens_file.h).

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "core/dtype.h"

namespace tokenwerk::tokens_format {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

inline constexpr std::string_view magic{"MMIDIDX\0\0", 9};
inline constexpr std::uint64_t version = 1;
inline constexpr Index version_at = 9;
inline constexpr Index type_at = 17;
inline constexpr Index sequences_at = 18;
inline constexpr Index documents_at = 26;
inline constexpr Index header_bytes = 34;

/// The value that lies at a byte offset, aligned or not. The caller has checked the bounds.
template <typename T>
[[nodiscard]] T load(std::span<const std::byte> bytes, Index offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace tokenwerk::tokens_format
