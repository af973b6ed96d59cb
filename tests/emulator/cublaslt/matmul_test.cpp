/// How calls are checked, and that products run on their streams.

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "tests/emulator/cublaslt/descriptors.h"
#include "tests/emulator/runtime/test_support.h"

namespace tokenwerk::emulator {
namespace {

using test::DeviceArray;
using test::LayoutOptions;
using test::LtHandle;
using test::LtLayout;
using test::LtOperation;
using test::LtPreference;
using test::seeds_that_show;
using test::TestStream;

/// d(4,4) = a(4,4) @ b(4,4), all ones, which each test spoils in one way.
struct Fixture {
  LtHandle handle;
  LtOperation operation;
  DeviceArray<float> a{std::vector<float>(16, 1)};
  DeviceArray<float> b{std::vector<float>(16, 1)};
  DeviceArray<float> d{16};
  LayoutOptions a_options{.rows = 4, .columns = 4, .leading = 4};
  LayoutOptions b_options = a_options;
  LayoutOptions d_options = a_options;
  const float* a_data = a.data();
  float* d_data = d.data();
  const cublasLtMatmulAlgo_t* algorithm = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
  cudaStream_t stream = nullptr;
  float alpha = 1;
  float beta = 0;
  std::string said;

  cublasStatus_t run() {
    const LtLayout a_layout(a_options);
    const LtLayout b_layout(b_options);
    const LtLayout d_layout(d_options);
    testing::internal::CaptureStderr();
    const auto status =
        cublasLtMatmul(handle.get(), operation.get(), &alpha, a_data, a_layout.get(), b.data(),
                       b_layout.get(), &beta, d_data, d_layout.get(), d_data, d_layout.get(),
                       algorithm, workspace, workspace_bytes, stream);
    said = testing::internal::GetCapturedStderr();
    return status;
  }

  cublasLtMatmulHeuristicResult_t choose(const LtPreference& preference) {
    const LtLayout a_layout(a_options);
    const LtLayout b_layout(b_options);
    const LtLayout d_layout(d_options);
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(handle.get(), operation.get(), a_layout.get(),
                                             b_layout.get(), d_layout.get(), d_layout.get(),
                                             preference.get(), 1, &result, &found),
              CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(found, 1);
    return result;
  }

  void expect_refusal(cublasStatus_t status, const char* reason) {
    EXPECT_EQ(run(), status) << reason;
    EXPECT_NE(said.find(reason), std::string::npos) << said;
  }
};

TEST(EmulatedMatmul, RunsWithoutAnAlgorithm) {
  Fixture fixture;
  EXPECT_EQ(fixture.run(), CUBLAS_STATUS_SUCCESS) << fixture.said;
  EXPECT_EQ(fixture.d.values(), std::vector<float>(16, 4));
}

TEST(EmulatedMatmul, BetaZeroReadsNothing) {
  Fixture fixture;  // d is NaN before
  EXPECT_EQ(fixture.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(fixture.d.values()[0], 4);
  fixture.beta = 1;
  EXPECT_EQ(fixture.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(fixture.d.values(), std::vector<float>(16, 8));
}

TEST(EmulatedMatmul, ReadsItsOperandsInTurn) {
  const auto is_right = [] {
    Fixture fixture;
    const TestStream stream;
    fixture.stream = stream.get();
    EXPECT_EQ(cudaMemsetAsync(const_cast<float*>(fixture.a_data), 0, 64, stream.get()),
              cudaSuccess);
    EXPECT_EQ(fixture.run(), CUBLAS_STATUS_SUCCESS);
    return fixture.d.values() == std::vector<float>(16, 0);
  };
  EXPECT_EQ(seeds_that_show(is_right), 0);
}

TEST(EmulatedMatmul, RefusesWrongShapes) {
  Fixture fixture;
  fixture.a_options.columns = 5;
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "b is 4x4 where the product needs 5x4");
  fixture.a_options = {.rows = 4, .columns = 4, .leading = 3};
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "leading dimension of a is 3, less than 4");
  fixture.a_options = {.rows = 4, .columns = 4, .leading = 4, .batches = 2, .stride = 16};
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "2 and 1 matrices in one batch");
  fixture.b_options = fixture.a_options;
  fixture.d_options = fixture.a_options;
  fixture.d_options.stride = 0;
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "written to one place");
}

TEST(EmulatedMatmul, RefusesWrongTypes) {
  Fixture fixture;
  fixture.d_options.type = CUDA_R_16BF;
  fixture.expect_refusal(CUBLAS_STATUS_NOT_SUPPORTED, "float32 to bfloat16");
  fixture.d_options.type = CUDA_R_32F;
  fixture.b_options.type = CUDA_R_16F;
  fixture.expect_refusal(CUBLAS_STATUS_NOT_SUPPORTED, "of different types");
  fixture.b_options.type = CUDA_R_32F;
  fixture.operation.set(CUBLASLT_MATMUL_DESC_POINTER_MODE, CUBLASLT_POINTER_MODE_DEVICE_VECTOR);
  fixture.expect_refusal(CUBLAS_STATUS_NOT_SUPPORTED, "alpha is a vector");
}

TEST(EmulatedMatmul, RefusesMemoryThatIsNotThere) {
  Fixture fixture;
  fixture.d_data = fixture.d.data() + 4;
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "64 bytes at");
  fixture.d_data = fixture.d.data();
  std::vector<float> host(16);
  fixture.a_data = host.data();
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "is no device address");
  fixture.a_data = nullptr;
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "a is null");
  fixture.a_data = fixture.d.data();
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "d overlaps a or b");
}

TEST(EmulatedMatmul, RefusesScalesOnTheWrongSide) {
  Fixture fixture;
  fixture.operation.set(CUBLASLT_MATMUL_DESC_POINTER_MODE, CUBLASLT_POINTER_MODE_DEVICE);
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "alpha");
}

TEST(EmulatedMatmul, RefusesEpiloguesThatLackSomething) {
  Fixture fixture;
  fixture.operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "the bias is null");
  fixture.operation.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                        static_cast<void*>(fixture.a.data() + 13));
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "the bias is not usable");
  fixture.operation.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_16BF);
  fixture.expect_refusal(CUBLAS_STATUS_NOT_SUPPORTED, "a bias of bfloat16");
  fixture.operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_GELU_AUX);
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "auxiliary matrix is 0");
  fixture.operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t{4});
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "a multiple of 8");
  fixture.operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t{8});
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "the auxiliary matrix is null");
  fixture.operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_RELU);
  fixture.expect_refusal(CUBLAS_STATUS_NOT_SUPPORTED, "epilogue 2");
  fixture.operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_GELU);
  fixture.d_options.order = CUBLASLT_ORDER_ROW;
  fixture.expect_refusal(CUBLAS_STATUS_NOT_SUPPORTED, "row order");
}

TEST(EmulatedMatmul, HoldsThePromisedAlignment) {
  Fixture fixture;
  const DeviceArray<float> larger(std::vector<float>(20, 1));
  fixture.a_data = larger.data() + 1;
  EXPECT_EQ(fixture.run(), CUBLAS_STATUS_SUCCESS) << "without an algorithm any alignment does";
  LtPreference preference;
  const auto promised = fixture.choose(preference);
  fixture.algorithm = &promised.algo;
  fixture.expect_refusal(CUBLAS_STATUS_NOT_SUPPORTED, "is not aligned to 16 bytes");
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, std::uint32_t{4});
  const auto careful = fixture.choose(preference);
  fixture.algorithm = &careful.algo;
  EXPECT_EQ(fixture.run(), CUBLAS_STATUS_SUCCESS) << fixture.said;
  cublasLtMatmulAlgo_t foreign{};
  fixture.algorithm = &foreign;
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "none that the heuristic gave");
}

TEST(EmulatedMatmul, NeedsTheWorkspaceItWasPromised) {
  Fixture fixture;
  LtPreference preference;
  EXPECT_EQ(fixture.choose(preference).workspaceSize, 0u);
  preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::size_t{1} << 20);
  const auto result = fixture.choose(preference);
  ASSERT_GT(result.workspaceSize, 0u);
  fixture.algorithm = &result.algo;
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "a workspace of 0 bytes");
  fixture.workspace_bytes = result.workspaceSize;
  fixture.expect_refusal(CUBLAS_STATUS_INVALID_VALUE, "the workspace is null");
  const DeviceArray<char> workspace(result.workspaceSize);
  fixture.workspace = workspace.data();
  EXPECT_EQ(fixture.run(), CUBLAS_STATUS_SUCCESS) << fixture.said;
}

TEST(EmulatedMatmul, MemoryFreedBeforeItsTurnIsAFault) {
  Fixture fixture;
  const TestStream stream;
  const TestStream other;
  fixture.stream = stream.get();
  void* late = nullptr;
  ASSERT_EQ(cudaMalloc(&late, 64), cudaSuccess);
  fixture.a_data = static_cast<float*>(late);
  std::atomic<bool> is_open = false;
  enqueue(stream.get(), [&] { return is_open.load(); });
  EXPECT_EQ(fixture.run(), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(cudaFreeAsync(late, other.get()), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(other.get()), cudaSuccess);
  testing::internal::CaptureStderr();
  is_open = true;
  EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaErrorIllegalAddress);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("cublasLtMatmul"), std::string::npos);
  EXPECT_EQ(fixture.run(), CUBLAS_STATUS_EXECUTION_FAILED);
  forget_fault();
}

TEST(EmulatedMatmul, WantsAHandle) {
  cublasLtHandle_t handle = nullptr;
  ASSERT_EQ(cublasLtCreate(&handle), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(cublasLtDestroy(handle), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cublasLtDestroy(handle), CUBLAS_STATUS_NOT_INITIALIZED);
  EXPECT_EQ(cublasLtMatmul(handle, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                           nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, 0, nullptr),
            CUBLAS_STATUS_NOT_INITIALIZED);
  EXPECT_GT(cublasLtGetVersion(), 0u) << "the real library answers";
}

TEST(EmulatedMatmul, ChecksAlgorithms) {
  Fixture fixture;
  const LtPreference preference;
  auto result = fixture.choose(preference);
  const LtLayout layout(fixture.a_options);
  EXPECT_EQ(
      cublasLtMatmulAlgoCheck(fixture.handle.get(), fixture.operation.get(), layout.get(),
                              layout.get(), layout.get(), layout.get(), &result.algo, &result),
      CUBLAS_STATUS_SUCCESS);
  fixture.algorithm = &result.algo;
  EXPECT_EQ(fixture.run(), CUBLAS_STATUS_SUCCESS) << fixture.said;
}

}  // namespace
}  // namespace tokenwerk::emulator
