/// The real cuDNN, asked without a GPU which attentions it takes.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/core/cuda/support_table.h"

namespace tokenwerk {
namespace {

using cuda::FusedAttention;
using cuda::FusedPlan;
using cuda::Pass;

const DescribedGpu& gpu(const std::vector<DescribedGpu>& gpus, std::string_view title) {
  for (const DescribedGpu& found : gpus)
    if (found.title == title) return found;
  TW_RAISE(Error, "no GPU ", title, " is described");
}

class CudnnSupport : public testing::Test {
 protected:
  [[nodiscard]] FusedPlan plan(std::string_view title, const FusedAttention& attention) const {
    return cuda::plan_attention(gpu(gpus_, title).target, attention);
  }

  std::vector<DescribedGpu> gpus_ = described_gpus();
};

TEST_F(CudnnSupport, RecipesAreFastOnEveryGpu) {
  for (const DescribedGpu& each : gpus_) {
    for (const AttentionCase& c : recipe_cases()) {
      for (const Pass pass : {Pass::forward, Pass::backward}) {
        SCOPED_TRACE(each.title + ", " + c.title);
        const FusedPlan found = cuda::plan_attention(each.target, side_by_side(c, pass));
        EXPECT_TRUE(found.support.fast) << found.support.why_not;
        EXPECT_LE(found.choice.workspace_bytes, cuda::wanted_workspace);
      }
    }
  }
}

TEST_F(CudnnSupport, ARefusalHasTheReasonOfCudnn) {
  const AttentionCase narrow{"", 1, 4, 4, 36, 256}, wide{"", 1, 4, 4, 256, 256};
  const FusedPlan refused = plan("H100", side_by_side(narrow, Pass::forward));
  EXPECT_FALSE(refused.support.fast);
  EXPECT_NE(refused.support.why_not.find("not a multiple of 8"), std::string::npos)
      << refused.support.why_not;
  EXPECT_TRUE(plan("H100", side_by_side(wide, Pass::backward)).support.fast);
  EXPECT_FALSE(plan("A100", side_by_side(wide, Pass::backward)).support.fast);
}

TEST_F(CudnnSupport, GradientsOfKeysInF32AreRefused) {
  FusedAttention attention = side_by_side({"", 1, 4, 1, 64, 256}, Pass::backward);
  EXPECT_TRUE(plan("H100", attention).support.fast);
  attention.kv_gradient = DType::f32;
  for (const DescribedGpu& each : gpus_) {
    const FusedPlan refused = cuda::plan_attention(each.target, attention);
    EXPECT_FALSE(refused.support.fast) << each.title;
    EXPECT_FALSE(refused.support.why_not.empty()) << each.title;
  }
}

TEST_F(CudnnSupport, LargeWorkspacesAreCutIntoSlices) {
  const FusedAttention whole = side_by_side({"", 2, 32, 8, 128, 8192}, Pass::backward);
  const FusedPlan found = plan("H100", whole);
  ASSERT_TRUE(found.support.fast) << found.support.why_not;
  EXPECT_EQ(found.slice.batch, 1);
  EXPECT_LT(found.slice.kv_heads, 8);
  EXPECT_EQ(found.slice.heads, 4 * found.slice.kv_heads);
  EXPECT_LE(found.choice.workspace_bytes, cuda::wanted_workspace);
  EXPECT_GT(found.choice.workspace_bytes, cuda::wanted_workspace / 4);
  const FusedPlan blackwell = plan("B200", whole);
  EXPECT_EQ(blackwell.slice, whole);
  EXPECT_LE(blackwell.choice.workspace_bytes, cuda::wanted_workspace);
}

TEST_F(CudnnSupport, TheReadmeShowsWhatThisCudnnSays) {
  const std::string table = support_table();
  fmt::print("{}", table);
  if (cudnnGetVersion() != 91900)
    GTEST_SKIP() << "the README's table is of cuDNN 9.19.0, this is " << cudnnGetVersion();
  std::ifstream file(TW_CUDA_README);
  std::ostringstream readme;
  readme << file.rdbuf();
  EXPECT_NE(readme.str().find(table), std::string::npos)
      << "put the table above into " << TW_CUDA_README;
}

}  // namespace
}  // namespace tokenwerk
