#pragma once
/// Counter-based random numbers: Philox4x32-10 of Salmon, Moraes, Dror, Shaw 2011 (SC'11, "Parallel
/// random numbers: as easy as 1, 2, 3"). A word is a pure function of (seed, stream, index), so
/// that nobody has to keep or to pass on a state. The one owner of the algorithm, for host and
/// device code alike.

#include <array>
#include <cstdint>

namespace tokenwerk {

/// Four random words, by ten rounds over a 128-bit counter under a 64-bit key.
using PhiloxWords = std::array<std::uint32_t, 4>;

/// The words of block `block` of a stream: counter (block, stream), key `seed`, low halves first.
[[nodiscard]] constexpr PhiloxWords philox(std::uint64_t seed, std::uint64_t stream,
                                           std::uint64_t block) {
  PhiloxWords c = {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                   static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)};
  auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(product1 >> 32) ^ c[1] ^ key0,
         static_cast<std::uint32_t>(product1),
         static_cast<std::uint32_t>(product0 >> 32) ^ c[3] ^ key1,
         static_cast<std::uint32_t>(product0)};
    key0 += 0x9E3779B9u;  // the golden ratio and sqrt(3) - 1, as Weyl sequences
    key1 += 0xBB67AE85u;
  }
  return c;
}

/// Word `index` of a stream.
[[nodiscard]] constexpr std::uint32_t random_word(std::uint64_t seed, std::uint64_t stream,
                                                  std::uint64_t index) {
  return philox(seed, stream, index / 4)[index % 4];
}

/// The middle of the word's interval of [0, 1): never 0, never 1.
[[nodiscard]] constexpr double uniform_of(std::uint32_t word) {
  return (static_cast<double>(word) + 0.5) * 0x1p-32;
}

/// Uniform number `index` of a stream, in (0, 1).
[[nodiscard]] constexpr double random_uniform(std::uint64_t seed, std::uint64_t stream,
                                              std::uint64_t index) {
  return uniform_of(random_word(seed, stream, index));
}

}  // namespace tokenwerk
