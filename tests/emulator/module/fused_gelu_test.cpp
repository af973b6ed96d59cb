/// That the cuda device's products of bf16 take the GELU along where cuBLASLt offers it, and run it
/// apart where it does not: both give the right numbers, so that only their roundings tell.

#include <cstdlib>

#include "core/ops/activation.h"
#include "core/ops/matmul.h"
#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

/// Whether the stand-in's heuristics know epilogues in this process.
bool offered() {
  const char* const text = std::getenv("TOKENWERK_EMULATED_EPILOGUES");
  return text == nullptr || std::string_view(text) != "0";
}

class FusedGelu : public testing::Test {
 protected:
  static constexpr Index n = 32, c = 64, f = 96;

  Tensor random(Shape shape, std::uint64_t seed) {
    return random_tensor(*test_.device, DType::bf16, shape, seed);
  }
  Tensor empty() { return {*test_.device, DType::bf16, {n, f}}; }

  TestDevice test_;
  Stream& stream_ = *test_.stream;
};

TEST_F(FusedGelu, RoundsTheSumsOnce) {
  const Tensor x = random({n, c}, 1), w = random({f, c}, 2), bias = random({f}, 3);
  for (const ConstTensorView& b : {ConstTensorView(), ConstTensorView(bias)}) {
    const Tensor active = empty(), hidden = empty(), apart = empty();
    matmul_gelu(stream_, active, hidden, x, w, b);
    gelu_forward(stream_, apart, hidden);
    EXPECT_EQ(values_of(active) != values_of(apart), offered());
  }
}

TEST_F(FusedGelu, RoundsTheGradientOnce) {
  const Tensor dy = random({n, c}, 4), w = random({c, f}, 5), hidden = random({n, f}, 6);
  const Tensor dhidden = empty(), apart = empty();
  matmul_backward_input_gelu(stream_, dhidden, dy, w, hidden);
  matmul_backward_input(stream_, apart, dy, w);
  gelu_backward(stream_, apart, apart, hidden);
  EXPECT_EQ(values_of(dhidden) != values_of(apart), offered());
}

}  // namespace
}  // namespace tokenwerk
