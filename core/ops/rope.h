#pragma once
/// Rotary position embedding: Su et al. 2021 (arXiv:2104.09864), eq. 15, in the split-half pairing
/// of Llama's published weights: element i of a head turns with element i + D/2.

#include "core/ops/check.h"

namespace tokenwerk {

struct Rope {
  Index head_size = 0;          ///< D, even
  Index rows_per_sequence = 0;  ///< rows of x that belong to one sequence
  Index token_offset = 0;       ///< position of a sequence's first row
  double theta = 10000.0;       ///< base of the frequencies theta^(-2i/D)
};

/// Turns x(N, H*D) in place: row n has position token_offset + n mod rows_per_sequence.
void rope_forward(Stream&, TensorView x, const Rope& rope);
/// The inverse turn, which is the derivative: dx(N, H*D) in place.
void rope_backward(Stream&, TensorView dx, const Rope& rope);

class RopeOps {
 public:
  virtual ~RopeOps() = default;
  virtual void do_rope_forward(Stream&, TensorView x, const Rope& rope) = 0;
  virtual void do_rope_backward(Stream&, TensorView dx, const Rope& rope) = 0;
};

}  // namespace tokenwerk
