#include "launch/recipe_keys.h"

#include "models/config.h"

namespace tokenwerk {
namespace {

std::vector<std::string_view> preset_choices() {
  static const std::vector<std::string> names = preset_names();
  return {names.begin(), names.end()};
}

// A table is read by its columns: the rows keep their own layout.
// clang-format off

/// The first three entries of a row: section, name and how to find the member they name.
#define TW_KEY(section, name) \
  #section, #name, Member(+[](Recipe& recipe) -> decltype(recipe.section.name)& { return recipe.section.name; })

// Columns: key, legal values, choices, default where the member has none of its own, help.

std::vector<RecipeKey> keys_of_the_model() {
  using enum Legal;
  return {
      {TW_KEY(model, family), choice, {"gpt", "llama"}, "the preset's",
       "gpt: LayerNorm, GELU, learned positions, biases; llama: RMSNorm, SwiGLU, RoPE"},
      {TW_KEY(model, preset), choice,
       preset_choices(),
       "none: then family, layers, width and heads must be given",
       "a known model, whose sizes hold where no other key of this section is given"},
      {TW_KEY(model, layers), positive, {}, "the preset's", "transformer blocks"},
      {TW_KEY(model, width), positive, {}, "the preset's", "size of a token's vector; a multiple of heads"},
      {TW_KEY(model, heads), positive, {}, "the preset's", "query heads of attention"},
      {TW_KEY(model, kv_heads), positive, {}, "the preset's or heads",
       "key and value heads, shared by groups of query heads; divides heads"},
      {TW_KEY(model, ffn_width), positive, {},
       "the preset's; gpt: 4 width; llama: 8/3 width rounded up to a multiple of 64",
       "inner width of the feed-forward layer"},
      {TW_KEY(model, vocabulary), positive, {}, "the tokenizer's", "number of distinct tokens"},
      {TW_KEY(model, tied), flag, {}, "the preset's; gpt: true; llama: false",
       "whether input and output embedding are one matrix"},
      {TW_KEY(model, norm_epsilon), positive, {}, "the preset's or 1e-5", "added to the variance in norms"},
      {TW_KEY(model, rope_theta), positive, {}, "the preset's or 10000", "base of the rotary frequencies (llama)"},
      {TW_KEY(model, initial), text, {}, "none", "a checkpoint folder whose weights a fresh run starts from"},

      {TW_KEY(data, train), text, {}, "", "path prefix of the training tokens, PREFIX.bin and PREFIX.idx"},
      {TW_KEY(data, validation), text, {}, "none", "path prefix of the validation tokens"},
      {TW_KEY(data, sequence_length), positive, {}, "", "tokens of a sequence"},
  };
}

std::vector<RecipeKey> keys_of_training() {
  using enum Legal;
  return {
      {TW_KEY(training, steps), positive, {}, "", "optimizer steps of the whole run"},
      {TW_KEY(training, stop_after), positive, {}, "steps",
       "step after which to save and end early; the learning rate still follows the whole run"},
      {TW_KEY(training, global_batch), positive, {}, "", "sequences of a step, over all ranks"},
      {TW_KEY(training, micro_batch), positive, {}, "",
       "sequences a rank computes at once; more is faster and takes more memory"},
      {TW_KEY(training, precision), choice, {"f32", "bf16"}, "",
       "type of weights and activations; bf16 keeps f32 master weights"},
      {TW_KEY(training, reproducible), flag, {}, "false",
       "sums in a fixed order: the same bits on any layout whose tensor degree divides 8; gradients "
       "stay whole at any zero"},
      {TW_KEY(training, seed), any_integer, {}, "", "of initial weights and sample order"},
      {TW_KEY(training, learning_rate), positive, {}, "", "the highest one, after warm-up"},
      {TW_KEY(training, minimum_learning_rate), not_negative, {}, "learning_rate / 10", "the one at the end of decay"},
      {TW_KEY(training, warmup_steps), not_negative, {}, "steps / 100", "over which the learning rate rises from 0"},
      {TW_KEY(training, decay_steps), not_negative, {}, "all after warm-up; wsd: steps / 10",
       "over which the learning rate falls: right after warm-up, or the last ones with wsd"},
      {TW_KEY(training, schedule), choice, {"constant", "linear", "cosine", "wsd"}, "",
       "of the learning rate; wsd is warm-up, stable, decay"},
      {TW_KEY(training, beta1), below_one, {}, "", "AdamW: decay of the first moment"},
      {TW_KEY(training, beta2), below_one, {}, "", "AdamW: decay of the second moment"},
      {TW_KEY(training, epsilon), positive, {}, "", "AdamW: added to the root of the second moment"},
      {TW_KEY(training, weight_decay), not_negative, {}, "", "AdamW: decoupled decay of matrices"},
      {TW_KEY(training, clip), not_negative, {}, "", "largest norm of the gradient; 0: no clipping"},
      {TW_KEY(training, on_bad_step), choice, {"stop", "skip", "rewind"}, "",
       "when loss or gradient norm is NaN, infinite or a spike: end the run (exit code 5), go on without this update, "
       "or go back to the last checkpoint and leave the batch out"},
      {TW_KEY(training, spike_z_score), not_negative, {}, "",
       "a loss or gradient norm so many standard deviations above the mean of the window is a spike; 0: none is"},
      {TW_KEY(training, spike_window), positive, {}, "", "last good steps that make mean and standard deviation"},
      {TW_KEY(training, most_bad_steps), not_negative, {}, "",
       "bad steps in a row after which skip and rewind end the run (exit code 5)"},
      {TW_KEY(training, skip_batches), text, {}, "none",
       "global batches that the run leaves out, by number from 1: 12,40-55"},
      {TW_KEY(training, validate_every), not_negative, {}, "250 with data.validation, otherwise 0",
       "steps between validations, the last one of the run besides; 0: never"},
      {TW_KEY(training, validate_batches), positive, {}, "", "global batches that one validation reads"},
      {TW_KEY(training, watchdog_seconds), not_negative, {}, "",
       "how long a rank may wait for others, longer than any rank computes, reads or saves alone; then the run "
       "ends (exit code 4) and says who has not come; 0: for ever"},
      {TW_KEY(training, check_collectives), flag, {}, "false",
       "before each collective compares what the ranks call: slow, to find ranks that call different things"},
      {TW_KEY(training, verify_replicas), not_negative, {}, "0",
       "steps after which ranks that hold the same weights and optimizer state compare their bits, before each "
       "save too; where they differ the run ends (exit code 4) and names the odd rank; 0: never"},
      {TW_KEY(training, verify_replay), not_negative, {}, "0",
       "steps after which each replica computes a micro-batch of the one before it again, before each save too; where "
       "a bit differs the run ends (exit code 4) and names the odd rank; 0: never"},
  };
}

std::vector<RecipeKey> keys_of_the_layout() {
  using enum Legal;
  return {
      {TW_KEY(parallel, data), positive, {}, "ranks / (tensor x pipeline)",
       "data-parallel degree: copies of the model that share a batch"},
      {TW_KEY(parallel, tensor), positive, {}, "",
       "tensor-parallel degree: ranks that share each layer; divides heads and ffn_width"},
      {TW_KEY(parallel, sequence), flag, {}, "false",
       "sequence parallelism: tensor ranks hold a slice of the tokens between their products"},
      {TW_KEY(parallel, pipeline), positive, {}, "", "pipeline-parallel degree: ranks that share the layers"},
      {TW_KEY(parallel, virtual_stages), positive, {}, "1; interleaved and zb-v: 2", "pipeline stages a rank"},
      {TW_KEY(parallel, schedule), text, {}, "1f1b",
       "of the pipeline: gpipe, 1f1b, interleaved, zb-h1, zb-v, or file:PATH"},
      {TW_KEY(parallel, stages), counts, {}, "split by cost", "transformer blocks of each stage"},
      {TW_KEY(parallel, zero), up_to_three, {}, "",
       "what data-parallel ranks divide (ZeRO): 0 nothing, 1 optimizer state, 2 gradients too, 3 weights too"},
      {TW_KEY(parallel, zero_group), positive, {}, "data", "data-parallel ranks that divide it; divides data"},
      {TW_KEY(parallel, zero_keep), flag, {}, "false", "zero 3: whether gathered weights stay for the step"},
      {TW_KEY(parallel, recompute), choice, {"none", "selective", "full"}, "",
       "activations made again in backward: none, what is cheap and large, or all but a block's input"},
  };
}

std::vector<RecipeKey> keys_of_what_a_run_leaves() {
  using enum Legal;
  return {
      {TW_KEY(checkpoint, directory), text, {}, "log.directory/checkpoints", "folder of step-00000100 and its like"},
      {TW_KEY(checkpoint, every), interval, {}, "",
       "steps between checkpoints; 0: only at the end; auto: by what the last one cost and mtbf_hours"},
      {TW_KEY(checkpoint, mtbf_hours), positive, {}, "50000 / ranks",
       "mean time between failures of the whole run, in hours, for every = auto"},
      {TW_KEY(checkpoint, async), flag, {}, "true",
       "whether training goes on while a checkpoint is written from a copy in host memory"},
      {TW_KEY(checkpoint, keep), not_negative, {}, "", "newest checkpoints kept; 0: all"},
      {TW_KEY(checkpoint, keep_every), not_negative, {}, "",
       "checkpoints at multiples of it are kept for good; 0: none"},
      {TW_KEY(checkpoint, last_save_seconds), not_negative, {}, "",
       "how long the last checkpoint of a run is tried again where it cannot be written"},
      {TW_KEY(checkpoint, resume), text, {}, "",
       "never, latest (step 0 if there is none) or the path of a checkpoint"},
      {TW_KEY(checkpoint, local), text, {}, "none",
       "folder on every host's own disk, where {host} is its name: each host keeps what its ranks hold there, and a "
       "copy of the host before's, so that a run that lost a host goes on without reading a checkpoint"},
      {TW_KEY(checkpoint, local_every), interval, {}, "",
       "steps between what checkpoint.local keeps; 0: never; auto: by what the last one cost and mtbf_hours"},

      {TW_KEY(log, directory), text, {}, "", "of the run: recipe.toml, metrics.jsonl, log.txt, TensorBoard files"},
      {TW_KEY(log, every), positive, {}, "", "steps between lines on a console that is no terminal"},
      {TW_KEY(log, trace), flag, {}, "false",
       "timeline of all ranks in steps 2 to 6 of this run: log.directory/trace.json, for ui.perfetto.dev"},

      {TW_KEY(device, kind), choice, {"cpu", "cuda"}, "",
       "what computes: the host's cores, or a GPU for each rank, by its place on the host"},
  };
}

#undef TW_KEY
// clang-format on

std::vector<RecipeKey> make_table() {
  std::vector<RecipeKey> table;
  for (const auto& keys :
       {keys_of_the_model(), keys_of_training(), keys_of_the_layout(), keys_of_what_a_run_leaves()})
    table.insert(table.end(), keys.begin(), keys.end());
  return table;
}

}  // namespace

const std::vector<RecipeKey>& recipe_keys() {
  static const std::vector<RecipeKey> table = make_table();
  return table;
}

}  // namespace tokenwerk
