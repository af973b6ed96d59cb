/// Law 1 on the cuda device: the unchanged program, its kernels interpreted and its NCCL calls
/// stood in for, has the losses of one rank of the cpu device.

#include <gtest/gtest.h>

#include "tests/parallel/layouts/compare.h"
#include "tests/parallel/layouts/runs.h"

namespace tokenwerk::test {
namespace {

using enum Tiny;
using enum Precision;

// A table is read by its columns: the rows keep their own layout.
// clang-format off

std::vector<Layout> cuda_layouts() {
  return {
      {1, gpt,   f32, "micro_batch=4", 2},
      {2, llama, f32, "micro_batch=4", 2},
      {4, gpt,   f32, "micro_batch=2 tensor=2 sequence=true pipeline=2", 2},
      {4, llama, f32, "micro_batch=4 tensor=2 zero=3", 2},
  };
}

std::vector<Layout> long_cuda_layouts() {
  return {
      {1, llama, f32,  "micro_batch=4", 2},
      {2, gpt,   f32,  "micro_batch=4 zero=1", 2},
      {2, gpt,   f32,  "micro_batch=4 zero=2 recompute=full", 2},
      {2, gpt,   f32,  "micro_batch=4 tensor=2", 2},
      {2, llama, f32,  "micro_batch=4 tensor=2 sequence=true recompute=selective", 2},
      {2, llama, f32,  "micro_batch=2 pipeline=2 schedule=zb-h1", 2},
      {4, gpt,   f32,  "micro_batch=2 pipeline=2 schedule=interleaved", 4},
      {4, gpt,   f32,  "micro_batch=2 pipeline=2 zero=2 zero_group=2", 2},
      {4, gpt,   f32,  "micro_batch=4 zero=3 zero_group=2 zero_keep=true", 2},
      {4, llama, f32,  "micro_batch=4 tensor=4 sequence=true", 2},
      {4, llama, f32,  "micro_batch=2 pipeline=2 tensor=2 schedule=zb-v", 4},
      {2, gpt,   bf16, "micro_batch=4 zero=1", 2},
      {4, llama, bf16, "micro_batch=4 tensor=2 sequence=true zero=3", 2},
  };
}

// clang-format on

class OnCuda : public testing::TestWithParam<Layout> {};

/// In bf16 the devices round at other places: there one rank of the cuda device is the measure, and
/// the cpu device is only near. How much a layout may change was measured on the cpu: here twice
/// that was never seen.
TEST_P(OnCuda, HasTheLossesOfTheCpuDevice) {
  Layout layout = GetParam();
  Runs& runs = Runs::of(layout);
  const Record& cpu = runs.one_rank(layout.precision);
  layout.keys += " device=cuda";
  const Record ours = runs.train(layout);
  if (layout.precision == f32) return expect_same_record(ours, cpu, Tolerance());
  expect_same_record(ours, cpu, {.losses = 1e-3, .norms = 1e-2, .validations = 1e-3});
  const Layout alone{1, layout.model, bf16, "micro_batch=4 device=cuda", layout.layers};
  const auto [losses, norms, validations] = runs.tolerance(bf16);
  expect_same_record(ours, runs.train(alone), {2 * losses, 2 * norms, 2 * validations});
}

const auto name_of_row = [](const auto& row) { return name_of(row.param); };
INSTANTIATE_TEST_SUITE_P(Default, OnCuda, testing::ValuesIn(cuda_layouts()), name_of_row);
INSTANTIATE_TEST_SUITE_P(Long, OnCuda, testing::ValuesIn(long_cuda_layouts()), name_of_row);

}  // namespace
}  // namespace tokenwerk::test
