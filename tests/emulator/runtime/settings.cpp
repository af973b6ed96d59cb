#include "tests/emulator/runtime/settings.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace tokenwerk::emulator {
namespace {

/// A whole number from the environment; a value that is none ends the program, since a setting
/// that is ignored in silence makes a test check nothing.
std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const auto value = std::strtoull(text, &end, 10);
  if (*end == '\0' && *text != '-' && errno == 0) return value;
  fmt::print(stderr, "{}={} is not a whole number\n", name, text);
  std::exit(EXIT_FAILURE);
}

std::uint64_t rank_of_process() {
  static const auto rank = number_from_environment("OMPI_COMM_WORLD_RANK").value_or(0);
  return rank;
}

}  // namespace

int device_count() {
  static const auto count = number_from_environment("TOKENWERK_EMULATED_DEVICES").value_or(8);
  return static_cast<int>(count);
}

std::size_t memory_per_device() {
  static const auto bytes =
      number_from_environment("TOKENWERK_EMULATED_MEMORY").value_or(std::size_t{2} << 30);
  return bytes;
}

std::optional<std::uint64_t> schedule_seed() {
  static const auto seed = number_from_environment("TOKENWERK_EMULATED_SEED");
  if (!seed) return std::nullopt;
  return *seed * 1000003 + rank_of_process();
}

std::optional<std::uint64_t> deaf_stream() {
  static const auto stream = number_from_environment("TOKENWERK_EMULATED_DEAF_STREAM");
  return stream;
}

std::optional<std::uint64_t> shorter_collective() {
  static const auto number = number_from_environment("TOKENWERK_EMULATED_NCCL_SHORTER");
  return rank_of_process() == 1 ? number : std::nullopt;
}

std::optional<std::uint64_t> hanging_collective() {
  static const auto number = number_from_environment("TOKENWERK_EMULATED_NCCL_HANGS");
  return rank_of_process() == 1 ? number : std::nullopt;
}

bool offers_epilogues() {
  static const auto offered = number_from_environment("TOKENWERK_EMULATED_EPILOGUES").value_or(1);
  return offered != 0;
}

}  // namespace tokenwerk::emulator
