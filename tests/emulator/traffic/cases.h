#pragma once
/// Every operation of core/ops that is a kernel of our own, called as a recipe would, with the
/// formula of the bytes that it must move. Products are cuBLASLt's.

#include "tests/emulator/traffic/meter.h"

namespace tokenwerk::traffic {

/// Extents of the calls (core/README.md has the legend).
struct Extents {
  Index rows;        ///< N
  Index width;       ///< C
  Index inner;       ///< F
  Index vocabulary;  ///< V
  Index few_rows;    ///< of logits
  Index sequence;    ///< T
};
/// What a test affords, and what a recipe has.
inline constexpr Extents small{256, 768, 2048, 4096, 32, 128};
inline constexpr Extents large{1024, 768, 4096, 32000, 128, 512};

/// Calls on arrays of this dtype, f32 or bf16.
void measure_elementwise(Meter& meter, const Extents& extents, DType dtype);
void measure_norms(Meter& meter, const Extents& extents, DType dtype);
void measure_embeddings(Meter& meter, const Extents& extents, DType dtype);
void measure_attention(Meter& meter, const Extents& extents, DType dtype);
void measure_optimizer(Meter& meter, const Extents& extents, DType dtype);
/// Logits are f32 and their gradient is of this dtype.
void measure_loss(Meter& meter, const Extents& extents, DType dtype);

/// Bytes of so many elements.
[[nodiscard]] inline double bytes_of(DType dtype, Index elements) {
  return static_cast<double>(elements) * static_cast<double>(size_of(dtype));
}
/// "bf16 1024x768".
[[nodiscard]] std::string operands(DType dtype, Index rows, Index columns);

}  // namespace tokenwerk::traffic
