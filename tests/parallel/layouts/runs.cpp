#include "tests/parallel/layouts/runs.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/comm/self_communicator.h"
#include "tests/support/reference.h"

namespace tokenwerk::test {
namespace {

/// A layout changes more sums than a micro-batch does, and already in the first forward: up to five
/// times as much was seen.
constexpr double bf16_factor = 8.0;

bool is_odd(Tiny model) {
  return model == Tiny::odd_gpt || model == Tiny::odd_untied || model == Tiny::odd_llama;
}

/// The bytes' vocabulary of 257 needs padding under any layout.
std::string model_lines(const Layout& layout) {
  const std::string odd_gpt = "family = \"gpt\"\nlayers = 5\nwidth = 48\nheads = 6\n";
  switch (layout.model) {
    case Tiny::gpt:
    case Tiny::gpt_untied:
      return fmt::format("family = \"gpt\"\nlayers = {}\nwidth = 32\nheads = 4\ntied = {}\n",
                         layout.layers, layout.model == Tiny::gpt);
    case Tiny::llama:
      return fmt::format(
          "family = \"llama\"\nlayers = {}\nwidth = 32\nheads = 4\nkv_heads = 2\nffn_width = 88\n",
          layout.layers);
    case Tiny::odd_gpt: return odd_gpt;
    case Tiny::odd_untied: return odd_gpt + "tied = false\n";
    case Tiny::odd_llama:
      return "family = \"llama\"\nlayers = 5\nwidth = 48\nheads = 6\nkv_heads = 3\n"
             "ffn_width = 96\ntied = true\n";
    case Tiny::wide_gpt: return "family = \"gpt\"\nlayers = 2\nwidth = 32\nheads = 8\n";
    case Tiny::wide_llama:
      return "family = \"llama\"\nlayers = 2\nwidth = 64\nheads = 8\nkv_heads = 2\n"
             "ffn_width = 88\n";
    case Tiny::shared_kv:  // twelve query heads of one key head: a group that is no power of two
      return "family = \"llama\"\nlayers = 2\nwidth = 48\nheads = 12\nkv_heads = 1\n"
             "ffn_width = 88\n";
  }
  return "";
}

int global_batch(const Layout& layout) { return is_odd(layout.model) ? 24 : 16; }

/// A recipe's key.
std::string path_of(const std::string& key) {
  if (key == "device") return "device.kind";
  return (key == "micro_batch" ? "training." : "parallel.") + key;
}

std::size_t index_of(const Layout& layout) { return static_cast<std::size_t>(layout.model); }

}  // namespace

Record record_of(const TrainingFolder& folder, const std::string& run) {
  Record record;
  for (const nlohmann::json& step : folder.steps(run)) {
    record.losses.push_back(step["loss"]);
    record.norms.push_back(step["grad_norm"]);
  }
  record.validations = folder.validation_losses(run);
  return record;
}

Arrays arrays_below(const std::string& prefix, const std::filesystem::path& folder) {
  const TestDevice test;
  SelfCommunicator self(Axis::world, *test.device);
  std::vector<Tensor> tensors;
  std::vector<ArrayTarget> targets;
  for (const ArraySummary& array : inspect_checkpoint(folder).arrays) {
    if (!array.name.starts_with(prefix)) continue;
    tensors.emplace_back(*test.device, DType::f32, array.shape);
    targets.push_back({array.name, array.shape, Box::whole(array.shape), tensors.back().view()});
  }
  (void)load_checkpoint(self, folder, targets);
  Arrays arrays;
  for (const ArrayTarget& target : targets)
    arrays[target.name.substr(prefix.size())] = values_of(target.value);
  return arrays;
}

Runs& Runs::of(const Layout& layout) {
  static std::map<std::pair<std::size_t, int>, Runs> all;
  return all.try_emplace({index_of(layout), layout.layers}, layout).first->second;
}

Runs::Runs(const Layout& layout)
    : plain_{1, layout.model, Precision::f32, "", layout.layers}, folder_(model_lines(layout)) {}

std::vector<std::string> Runs::flags(const Layout& layout) const {
  std::vector<std::string> flags{"--data.sequence_length",  is_odd(layout.model) ? "18" : "16",
                                 "--training.global_batch", std::to_string(global_batch(layout)),
                                 "--training.precision",    name_of(layout.precision),
                                 "--checkpoint.every",      "0"};
  for (auto [key, value] : keys_of(layout)) {
    if (key == "schedule" && value == "file") {
      const int micro_batch = number_of(layout, "micro_batch", 1);
      const int count = global_batch(layout) / (data_degree(layout) * micro_batch);
      const std::string file = fmt::format("own-{}.txt", count);
      write_file(folder_.path() / file, own_schedule(count));
      value = "file:" + file;
    }
    flags.push_back("--" + path_of(key));
    flags.push_back(value);
  }
  return flags;
}

Record Runs::train(const Layout& layout) const {
  const std::string run = name_of(layout);
  folder_.train(layout.ranks, run, flags(layout));
  return record_of(folder_, run);
}

Arrays Runs::first_gradient(Layout layout) const {
  layout.precision = Precision::f32;
  const std::string run = "first_" + name_of(layout);
  std::vector<std::string> flags = this->flags(layout);
  flags.insert(flags.end(), {"--training.clip", "0", "--training.stop_after", "1"});
  folder_.train(layout.ranks, run, flags);
  // The first moment of a first step is (1 - beta1) of the gradient.
  return arrays_below("optimizer/m/", folder_.path() / folder_.checkpoint(run, 1));
}

const Record& Runs::one_rank(Precision precision) {
  const auto [place, fresh] = one_rank_.try_emplace(precision);
  if (fresh) {
    Layout layout = plain_;
    layout.precision = precision;
    place->second = train(layout);
  }
  return place->second;
}

const Arrays& Runs::one_rank_gradient() {
  if (!gradient_) gradient_ = std::make_unique<Arrays>(first_gradient(plain_));
  return *gradient_;
}

Tolerance Runs::tolerance(Precision precision) {
  if (precision == Precision::f32) return {};
  if (bf16_tolerance_) return *bf16_tolerance_;
  const Record one = one_rank(precision);
  Tolerance noise{0.0, 0.0, 0.0};
  for (const char* keys : {"micro_batch=2", "micro_batch=4", "micro_batch=8"}) {
    const Record other = train({1, plain_.model, precision, keys, plain_.layers});
    const Tolerance differences = largest_differences(other, one);
    noise.losses = std::max(noise.losses, differences.losses);
    noise.norms = std::max(noise.norms, differences.norms);
    noise.validations = std::max(noise.validations, differences.validations);
  }
  EXPECT_GT(noise.losses, 0.0) << "no noise: was bf16 used?";
  bf16_tolerance_ = std::make_unique<Tolerance>(Tolerance{
      bf16_factor * noise.losses, bf16_factor * noise.norms, bf16_factor * noise.validations});
  return *bf16_tolerance_;
}

}  // namespace tokenwerk::test
