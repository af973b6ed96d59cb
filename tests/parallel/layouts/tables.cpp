#include "tests/parallel/layouts/layout.h"

namespace tokenwerk::test {
namespace {

using enum Tiny;
using enum Precision;

std::vector<Layout> with_layers(int layers, std::vector<Layout> layouts) {
  for (Layout& layout : layouts) layout.layers = layers;
  return layouts;
}

}  // namespace

// A table is read by its columns: the rows keep their own layout.
// clang-format off

std::vector<Layout> default_layouts() {
  return {
      {1, llama,      f32,  "micro_batch=2 recompute=full"},
      {2, gpt_untied, f32,  "pipeline=2 schedule=gpipe"},
      {4, gpt,        f32,  "pipeline=2 stages=1,3 zero=2 recompute=selective"},
      {8, gpt,        f32,  "pipeline=2 schedule=interleaved zero=1 zero_group=2 recompute=selective"},
      {8, gpt,        f32,  "pipeline=2 schedule=zb-h1 stages=3,1 zero=3 zero_group=2 zero_keep=true recompute=full"},
      {8, gpt,        bf16, "pipeline=2 schedule=file zero=2 zero_group=2 recompute=selective"},
      {8, gpt,        bf16, "micro_batch=2 tensor=2 sequence=true pipeline=2 schedule=zb-v zero=3 recompute=full"},
      {8, gpt_untied, bf16, "micro_batch=2 tensor=2 pipeline=2 schedule=file zero=3 zero_keep=true recompute=selective"},
      {8, llama,      f32,  "pipeline=2 schedule=zb-h1 stages=1,3 zero=3 zero_group=2 recompute=selective"},
      {8, llama,      f32,  "micro_batch=4 tensor=4 sequence=true pipeline=2 schedule=zb-v recompute=full"},
      {8, llama,      f32,  "micro_batch=4 tensor=4 sequence=true pipeline=2 stages=3,1"},
      {8, llama,      bf16, "micro_batch=2 tensor=2 sequence=true zero=2 zero_group=2 recompute=full"},
      {8, llama,      bf16, "micro_batch=2 tensor=2 sequence=true pipeline=2 schedule=zb-h1 stages=1,3 zero=1 recompute=full"},
      {8, llama,      bf16, "micro_batch=4 tensor=4 sequence=true zero=1"},
      {8, llama,      bf16, "micro_batch=4 tensor=4 sequence=true zero=2 recompute=full"},
      {8, llama,      bf16, "micro_batch=4 tensor=4 sequence=true zero=3 zero_keep=true recompute=selective"},
      {8, llama,      bf16, "micro_batch=4 tensor=4 zero=3"},
  };
}

std::vector<Layout> long_layouts() {
  return with_layers(8, {
      {2, gpt_untied, bf16, "micro_batch=2 recompute=selective"},
      {4, gpt,        bf16, "micro_batch=4 tensor=4 recompute=selective"},
      {4, gpt,        bf16, "pipeline=2 zero=1 recompute=full"},
      {4, gpt,        bf16, "micro_batch=2 pipeline=2 schedule=zb-h1 zero=3 recompute=selective"},
      {4, gpt,        f32,  "micro_batch=4 tensor=2 pipeline=2 schedule=gpipe recompute=full"},
      {4, gpt_untied, bf16, "pipeline=2 schedule=file zero=2"},
      {4, gpt_untied, bf16, "micro_batch=2 recompute=full"},
      {4, gpt_untied, f32,  "micro_batch=4 tensor=2 sequence=true pipeline=2 schedule=zb-h1"},
      {8, gpt,        bf16, "pipeline=2 schedule=file zero=3 zero_group=2 zero_keep=true recompute=selective"},
      {8, gpt,        bf16, "micro_batch=4 tensor=2 sequence=true pipeline=4 stages=1,3,2,2 recompute=selective"},
      {8, gpt,        bf16, "pipeline=2 schedule=zb-h1 stages=3,5 zero=2 recompute=full"},
      {8, gpt,        bf16, "pipeline=8 schedule=zb-h1 recompute=selective"},
      {8, gpt,        bf16, "micro_batch=4 tensor=2 pipeline=4 schedule=zb-v"},
      {8, gpt,        f32,  "micro_batch=2 tensor=2 pipeline=2 schedule=gpipe stages=3,5 zero=1 recompute=selective"},
      {8, gpt,        f32,  "pipeline=2 schedule=zb-v stages=1,3,2,2 zero=3 zero_group=2"},
      {8, gpt,        f32,  "micro_batch=2 tensor=2 sequence=true pipeline=2 schedule=interleaved stages=1,3,2,2 zero=3 recompute=selective"},
      {8, gpt,        f32,  "zero=3 zero_group=2 recompute=full"},
      {8, gpt,        f32,  "micro_batch=2 tensor=2 pipeline=2 schedule=zb-v stages=1,3,2,2 zero=1 recompute=full"},
      {8, gpt,        f32,  "micro_batch=2 pipeline=2 schedule=interleaved zero=2"},
      {8, gpt,        f32,  "micro_batch=2 tensor=2 zero=2 zero_group=2 recompute=selective"},
      {8, gpt,        f32,  "micro_batch=2 tensor=2 sequence=true zero=3 zero_keep=true recompute=full"},
      {8, gpt,        f32,  "zero=2 zero_group=2 recompute=selective"},
      {8, gpt,        f32,  "zero=3 zero_keep=true"},
      {8, gpt,        f32,  "micro_batch=2 tensor=2 sequence=true pipeline=2 schedule=file zero=2 recompute=selective"},
      {8, gpt_untied, bf16, "micro_batch=2 pipeline=4 schedule=zb-v zero=2 recompute=full"},
      {8, gpt_untied, bf16, "zero=1 recompute=selective"},
      {8, gpt_untied, bf16, "micro_batch=2 tensor=2 pipeline=2 schedule=file zero=3"},
      {8, gpt_untied, bf16, "micro_batch=2 tensor=2 pipeline=2 stages=3,5 zero=3 zero_keep=true recompute=full"},
      {8, gpt_untied, bf16, "pipeline=2 schedule=gpipe zero=3 zero_keep=true recompute=full"},
      {8, gpt_untied, bf16, "micro_batch=2 tensor=2 zero=2"},
      {8, gpt_untied, bf16, "micro_batch=2 pipeline=4 schedule=gpipe zero=2 recompute=selective"},
      {8, gpt_untied, bf16, "micro_batch=4 tensor=2 sequence=true pipeline=4 schedule=gpipe stages=1,3,2,2"},
      {8, gpt_untied, bf16, "micro_batch=2 tensor=2 sequence=true zero=3 zero_group=2 recompute=full"},
      {8, gpt_untied, bf16, "micro_batch=4 tensor=2 sequence=true pipeline=4 schedule=interleaved recompute=selective"},
      {8, gpt_untied, bf16, "micro_batch=2 tensor=2 sequence=true pipeline=2 schedule=zb-h1 stages=3,5 zero=1 recompute=full"},
      {8, gpt_untied, bf16, "pipeline=2 schedule=interleaved stages=1,3,2,2 zero=3 recompute=full"},
      {8, gpt_untied, f32,  "micro_batch=2 pipeline=2 schedule=interleaved zero=1 zero_group=2"},
      {8, gpt_untied, f32,  "pipeline=8 recompute=full"},
      {8, gpt_untied, f32,  "micro_batch=4 tensor=4 pipeline=2 schedule=zb-h1 recompute=selective"},
      {8, gpt_untied, f32,  "micro_batch=2 pipeline=4 schedule=gpipe zero=3 recompute=selective"},
      {8, gpt_untied, f32,  "pipeline=2 schedule=zb-h1 zero=3 zero_group=2 zero_keep=true"},
      {8, gpt_untied, f32,  "pipeline=2 schedule=zb-v stages=1,3,2,2 zero=3 zero_keep=true recompute=selective"},
      {8, llama,      bf16, "micro_batch=4 tensor=4 pipeline=2 schedule=interleaved stages=1,3,2,2 recompute=full"},
      {8, llama,      bf16, "pipeline=8 schedule=gpipe"},
      {8, llama,      bf16, "micro_batch=2 tensor=4 sequence=true zero=1 recompute=selective"},
      {8, llama,      bf16, "micro_batch=4 tensor=4 sequence=true pipeline=2 schedule=gpipe"},
      {8, llama,      bf16, "pipeline=2 schedule=file zero=1 recompute=full"},
      {8, llama,      bf16, "micro_batch=2 tensor=4 sequence=true zero=2 recompute=full"},
      {8, llama,      bf16, "micro_batch=2 pipeline=2 schedule=zb-v zero=3 zero_keep=true recompute=full"},
      {8, llama,      bf16, "micro_batch=2 tensor=4 zero=3 recompute=full"},
      {8, llama,      bf16, "pipeline=2 schedule=gpipe stages=3,5 zero=2 zero_group=2 recompute=full"},
      {8, llama,      bf16, "micro_batch=4 tensor=4 sequence=true pipeline=2 schedule=zb-h1"},
      {8, llama,      bf16, "micro_batch=2 tensor=2 pipeline=2 schedule=interleaved zero=1"},
      {8, llama,      bf16, "micro_batch=2 tensor=2 sequence=true pipeline=2 schedule=zb-v stages=1,3,2,2 zero=3 zero_keep=true recompute=selective"},
      {8, llama,      f32,  "micro_batch=2 pipeline=2 stages=3,5 zero=3"},
      {8, llama,      f32,  "micro_batch=2 tensor=2 sequence=true zero=2 zero_group=2 recompute=full"},
      {8, llama,      f32,  "micro_batch=2 tensor=4 sequence=true zero=3 zero_keep=true"},
      {8, llama,      f32,  "micro_batch=4 tensor=4 sequence=true pipeline=2 schedule=zb-v recompute=selective"},
      {8, llama,      f32,  "pipeline=4 schedule=zb-h1 stages=1,3,2,2 zero=1"},
      {8, llama,      f32,  "micro_batch=4 tensor=4 sequence=true pipeline=2 schedule=file recompute=full"},
      {8, llama,      f32,  ""},
      {8, llama,      f32,  "pipeline=4 schedule=interleaved zero=3 zero_keep=true recompute=full"},
      {8, llama,      f32,  "pipeline=2 zero=2 zero_group=2 recompute=selective"},
      {8, llama,      f32,  "micro_batch=4 tensor=4 sequence=true pipeline=2 recompute=full"},
      {8, llama,      f32,  "micro_batch=4 tensor=2 pipeline=4 schedule=zb-h1 stages=1,3,2,2 recompute=full"},
      {8, llama,      f32,  "micro_batch=2 tensor=2 pipeline=2 stages=3,5 zero=2"},
  });
}

std::vector<Layout> odd_layouts() {
  return {
      {3, odd_gpt,    f32,  "pipeline=3"},
      {3, odd_untied, f32,  "pipeline=3 schedule=zb-h1 stages=1,3,1"},
      {3, odd_llama,  f32,  "tensor=3 sequence=true"},
      {3, odd_gpt,    f32,  "zero=3"},
      {6, odd_llama,  f32,  "tensor=6 recompute=selective"},
      {6, odd_gpt,    f32,  "tensor=3 sequence=true pipeline=2 schedule=zb-v recompute=full"},
      {6, odd_untied, f32,  "tensor=3 pipeline=2 schedule=interleaved stages=1,1,2,1"},
      {6, odd_llama,  f32,  "tensor=3 sequence=true zero=2"},
      {6, odd_gpt,    f32,  "tensor=2 sequence=true zero=2"},
      {6, odd_gpt,    f32,  "pipeline=2 stages=1,4 zero=3 zero_keep=true"},
      {6, odd_gpt,    f32,  "micro_batch=2 pipeline=2 schedule=file zero=1"},
      {6, odd_llama,  bf16, "tensor=3 pipeline=2 stages=2,3"},
      {6, odd_untied, bf16, "tensor=2 pipeline=3 stages=2,1,2"},
      {5, odd_gpt,    f32,  "pipeline=5 schedule=gpipe"},
      {6, odd_untied, f32,  "micro_batch=2 zero=2 zero_group=3"},
  };
}

std::vector<Layout> many_ranks() {
  return {
      {64, gpt,       f32,  "tensor=2 pipeline=4"},
  };
}

// clang-format on

}  // namespace tokenwerk::test
