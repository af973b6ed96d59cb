#pragma once
/// Counter-based random numbers: Philox4x32-10, Salmon et al. 2011 (SC'11, "Parallel random
/// numbers: as easy as 1, 2, 3"). Every value is a pure function of (seed, name, global index), so
/// that a shard draws what the whole array would have.

#include <string_view>

#include "core/ops/check.h"

namespace tokenwerk {

/// Which normal numbers, of which part of a global (rows, columns) array.
struct NormalFill {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;  ///< hash_of(name)
  /// Width of the global array, whose element (r, c) has index r * width + c; 0: the view's own.
  Index global_columns = 0;
  Index row_offset = 0;  ///< of the view in the global array
  Index column_offset = 0;
  double deviation = 1.0;
};

/// x(N,C) = N(0, deviation^2) by Box, Muller 1958 on pairs of Philox words; the same numbers on
/// every device, rounded to x's dtype.
void fill_normal(Stream&, TensorView x, const NormalFill& fill);

/// 64-bit FNV-1a of a name: the stream of a parameter.
[[nodiscard]] constexpr std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

class RandomOps {
 public:
  virtual ~RandomOps() = default;
  virtual void do_fill_normal(Stream&, TensorView x, const NormalFill& fill) = 0;
};

}  // namespace tokenwerk
