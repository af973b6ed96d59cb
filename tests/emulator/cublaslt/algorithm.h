#pragma once
/// What the opaque algorithm of cublasLt carries here: what it demands of the operands.

#include <cublasLt.h>

#include <array>
#include <cstdint>
#include <optional>

#include "tests/emulator/cublaslt/problem.h"

namespace tokenwerk::emulator {

struct Algorithm {
  std::array<std::uint32_t, 4> alignment = {1, 1, 1, 1};  ///< bytes, of a, b, c, d
  std::uint64_t workspace = 0;                            ///< bytes
};

/// The best algorithm within the preference; null means the library's default preference.
[[nodiscard]] Algorithm choose_algorithm(const Problem& problem,
                                         cublasLtMatmulPreference_t preference);

[[nodiscard]] cublasLtMatmulAlgo_t encode(const Algorithm& algorithm);
/// Nothing if the bytes are not what `encode` wrote.
[[nodiscard]] std::optional<Algorithm> decode(const cublasLtMatmulAlgo_t& algorithm);

}  // namespace tokenwerk::emulator
