#include "core/data/sample_order.h"

#include <cmath>

#include "core/error.h"

namespace tokenwerk {
namespace {

constexpr std::uint64_t rounds = 8;

/// Finalizer of MurmurHash3 in Stafford's variant 13: a bijection whose output bits all depend on
/// all input bits.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// Hash of two words; apart from mix(a ^ b), it tells (a, b) from (b, a).
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  return mix(mix(a + 0x9e3779b97f4a7c15u) ^ b);
}

/// Smallest b with b * b >= n.
std::uint64_t base_for(std::uint64_t n) {
  auto base = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(n)));
  while (base * base >= n && base > 1) --base;  // sqrt of a large n may be off by one either way
  while (base * base < n) ++base;
  return base;
}

/// A permutation of 0 .. base * base.
std::uint64_t permute(std::uint64_t x, std::uint64_t base, std::uint64_t key) {
  std::uint64_t left = x / base, right = x % base;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::uint64_t next = (left + mix(key + round, right) % base) % base;
    left = right;
    right = next;
  }
  return left * base + right;
}

}  // namespace

SampleOrder::SampleOrder(Index count, std::uint64_t seed)
    : count_(static_cast<std::uint64_t>(count)), base_(0), seed_(seed) {
  TW_CHECK_AS(DataError, count > 0, "an order of ", count, " samples: at least one is needed");
  base_ = base_for(count_);
}

Index SampleOrder::sample_at(Index global_sample_index) const {
  TW_CHECK(global_sample_index >= 0, "sample index ", global_sample_index, " is negative");
  const auto index = static_cast<std::uint64_t>(global_sample_index);
  const std::uint64_t key = mix(seed_, index / count_);
  std::uint64_t sample = index % count_;
  // base^2 is at most count + 2 sqrt(count), so this loop seldom runs twice; it ends, because the
  // cycle that starts below count returns there.
  do sample = permute(sample, base_, key);
  while (sample >= count_);
  return static_cast<Index>(sample);
}

}  // namespace tokenwerk
