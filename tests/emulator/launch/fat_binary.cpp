#include "tests/emulator/launch/fat_binary.h"

#include <cstdint>
#include <cstring>

#include "tests/emulator/fault.h"

namespace tokenwerk::emulator {
namespace {

/// What the host code holds: a pointer to the container.
struct Wrapper {
  std::uint32_t magic;
  std::uint32_t version;
  const char* container;
  const void* unused;
};
constexpr std::uint32_t wrapper_magic = 0x466243b1;
constexpr std::uint32_t container_magic = 0xba55ed50;
constexpr std::uint16_t ptx_kind = 1;

/// The fields are read by their offsets: they are not all aligned.
template <typename T>
T field(const char* begin, std::size_t offset) {
  T value;
  std::memcpy(&value, begin + offset, sizeof value);
  return value;
}

}  // namespace

std::string ptx_of_fat_binary(const void* wrapper) {
  const auto* outer = static_cast<const Wrapper*>(wrapper);
  const char* at = outer->container;
  if (outer->magic != wrapper_magic || field<std::uint32_t>(at, 0) != container_magic)
    throw Unsupported("a fat binary of unknown form");
  const auto header = field<std::uint16_t>(at, 6);
  const char* end = at + header + field<std::uint64_t>(at, 8);
  at += header;
  while (at < end) {
    const auto kind = field<std::uint16_t>(at, 0);
    const char* payload = at + field<std::uint32_t>(at, 4);
    const auto size = field<std::uint64_t>(at, 8);
    if (kind == ptx_kind) {
      const std::string text(payload, strnlen(payload, size));  // padded with zeros
      if (text.find(".version") == std::string::npos)
        throw Unsupported("the PTX is compressed: compile with --no-compress");
      return text;
    }
    at = payload + size;
  }
  throw Unsupported(
      "a fat binary without PTX: compile with -gencode arch=compute_90,code=compute_90");
}

}  // namespace tokenwerk::emulator
