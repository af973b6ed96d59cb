#include <gtest/gtest.h>

#include <bit>

#include "tests/emulator/cublaslt/elements.h"
#include "tests/emulator/cublaslt/packed_product.h"
#include "tests/emulator/cublaslt/test_product.h"

namespace tokenwerk::emulator {
namespace {

using test::expect_product;
using test::ProductCase;

constexpr cublasOperation_t operations[] = {CUBLAS_OP_N, CUBLAS_OP_T};
constexpr cublasLtEpilogue_t epilogues[] = {
    CUBLASLT_EPILOGUE_DEFAULT,  CUBLASLT_EPILOGUE_BIAS,        CUBLASLT_EPILOGUE_GELU,
    CUBLASLT_EPILOGUE_GELU_AUX, CUBLASLT_EPILOGUE_GELU_BIAS,   CUBLASLT_EPILOGUE_GELU_AUX_BIAS,
    CUBLASLT_EPILOGUE_DGELU,    CUBLASLT_EPILOGUE_DGELU_BGRAD, CUBLASLT_EPILOGUE_BGRADA,
    CUBLASLT_EPILOGUE_BGRADB};

TEST(EmulatedProduct, EverySizeTransposeAndOrder) {
  const std::int64_t sizes[][3] = {{1, 1, 1}, {7, 5, 9}, {16, 4, 8}, {33, 17, 1}, {40, 9, 65}};
  for (const auto& [m, n, k] : sizes) {
    for (const auto transpose_a : operations) {
      for (const auto transpose_b : operations) {
        for (const auto order : {CUBLASLT_ORDER_COL, CUBLASLT_ORDER_ROW}) {
          expect_product({.m = m,
                          .n = n,
                          .k = k,
                          .transpose_a = transpose_a,
                          .transpose_b = transpose_b,
                          .order = order});
        }
      }
    }
  }
}

TEST(EmulatedProduct, EveryEpilogue) {
  for (const auto epilogue : epilogues) {
    for (const auto transpose : operations) {
      expect_product({.transpose_a = transpose, .epilogue = epilogue});
      expect_product({.m = 19,
                      .n = 23,
                      .transpose_b = transpose,
                      .epilogue = epilogue,
                      .alpha = 0.5,
                      .beta = 0.25});
    }
  }
}

TEST(EmulatedProduct, EveryEpilogueInABatch) {
  for (const auto epilogue : epilogues) {
    expect_product({.epilogue = epilogue, .batches = 3});
  }
}

TEST(EmulatedProduct, HalfPrecisionWithAnyOutput) {
  for (const auto in : {CUDA_R_16BF, CUDA_R_16F}) {
    for (const auto epilogue : epilogues) {
      expect_product({.in = in, .out = in, .epilogue = epilogue, .bias_type = in});
      expect_product({.in = in, .out = in, .epilogue = epilogue});
      expect_product({.in = in, .epilogue = epilogue, .beta = 1});
    }
  }
}

TEST(EmulatedProduct, DoublePrecision) {
  for (const auto epilogue : {CUBLASLT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_BIAS}) {
    expect_product({.m = 13,
                    .k = 31,
                    .in = CUDA_R_64F,
                    .out = CUDA_R_64F,
                    .compute = CUBLAS_COMPUTE_64F,
                    .transpose_a = CUBLAS_OP_T,
                    .epilogue = epilogue,
                    .bias_type = CUDA_R_64F,
                    .alpha = 1.5,
                    .beta = -1});
  }
}

TEST(EmulatedProduct, ScalesOnTheDevice) {
  expect_product({.alpha = 2, .beta = 1, .scales_on_device = true});
  expect_product({.alpha = 2, .beta = 0, .scales_on_device = true});
}

TEST(EmulatedProduct, FastTf32RoundsItsInputs) {
  EXPECT_EQ(round_to_tf32(1.0f), 1.0f);
  EXPECT_EQ(round_to_tf32(1.0f + 0x1p-10f), 1.0f + 0x1p-10f);
  EXPECT_EQ(round_to_tf32(1.0f + 0x1p-11f), 1.0f + 0x1p-10f);
  EXPECT_EQ(round_to_tf32(1.0f + 0x1p-12f), 1.0f);
  EXPECT_EQ(round_to_tf32(-3.0f - 0x1p-12f), -3.0f);
  expect_product({.compute = CUBLAS_COMPUTE_32F_FAST_TF32});
}

TEST(EmulatedProduct, AddsInOrder) {
  // In this order the ones are lost beside 2^24 one by one; in any tree they would not be.
  Panels<float> a(1, 64, panel_rows<float>);
  Panels<float> b(1, 64, panel_columns);
  std::vector<float> line(64, 1.0f);
  b.set_line(0, line.data());
  line[0] = 0x1p24f;
  a.set_line(0, line.data());
  float sum = 0;
  multiply(a, b, 1, 1, &sum);
  EXPECT_EQ(sum, 0x1p24f);
}

TEST(EmulatedProduct, ElementsRoundToNearestEven) {
  const float values[] = {1.00390625f, 1.01171875f, -1.00390625f};  // halfway between bf16 values
  std::byte bytes[6];
  store(values, 3, bytes, CUDA_R_16BF, 1);
  float back[3];
  load(bytes, CUDA_R_16BF, 1, 3, back);
  EXPECT_EQ(back[0], 1.0f);
  EXPECT_EQ(back[1], 1.015625f);
  EXPECT_EQ(back[2], -1.0f);
}

}  // namespace
}  // namespace tokenwerk::emulator
