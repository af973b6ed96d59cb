#include "launch/layout.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>

#include "core/data/files.h"
#include "core/error.h"
#include "launch/nearest.h"
#include "parallel/pipeline/generators.h"
#include "parallel/pipeline/schedule_text.h"
#include "parallel/pipeline/validate.h"

namespace tokenwerk {
namespace {

constexpr std::string_view file_prefix = "file:";
constexpr Index largest_stages = Index{1} << 16;
constexpr Index most_microbatches = Index{1} << 20;  // of a step, on each rank
constexpr Index largest_schedule = Index{1} << 26;   // bytes of a schedule's file

/// The divisors of n, ascending.
std::vector<Index> divisors(Index n) {
  std::vector<Index> out;
  for (Index d = 1; d <= n; ++d)
    if (n % d == 0) out.push_back(d);
  return out;
}

/// The legal value next to `wanted`; the smaller one of two as near.
Index nearest_of(const std::vector<Index>& legal, Index wanted) {
  return *std::ranges::min_element(legal, {}, [&](Index v) { return std::abs(v - wanted); });
}

class LayoutCheck {
 public:
  LayoutCheck(const Recipe& recipe, Index ranks, const ModelConfig* config, Faults& faults)
      : recipe_(recipe),
        parallel_(recipe.parallel),
        ranks_(ranks),
        config_(config),
        faults_(faults) {}

  void check() {
    check_ranks();
    check_tensor();
    check_batch();
    check_stages();
    check_zero();
  }

 private:
  void add(std::string_view key, std::string_view what) {
    faults_.add(recipe_.place_of(key), key, what);
  }

  /// Degrees multiply to the ranks.
  void check_ranks() {
    if (faults_.any_of({"parallel.tensor", "parallel.pipeline", "parallel.data"})) return;
    const Index tensor = parallel_.tensor, pipeline = parallel_.pipeline;
    if (tensor > ranks_ || ranks_ % tensor != 0) {
      return add("parallel.tensor",
                 fmt::format("{} does not divide {} ranks; the nearest legal "
                             "value is {}",
                             tensor, ranks_, nearest_of(divisors(ranks_), tensor)));
    }
    const Index rest = ranks_ / tensor;
    if (pipeline > rest || rest % pipeline != 0) {
      return add("parallel.pipeline",
                 fmt::format("{} does not divide the {} ranks that tensor = {} leaves; the nearest "
                             "legal value is {}",
                             pipeline, rest, tensor, nearest_of(divisors(rest), pipeline)));
    }
    const Index data = rest / pipeline;
    if (parallel_.data.value_or(data) == data) return;
    add("parallel.data",
        tensor * pipeline == 1
            ? fmt::format("{} does not use all {} ranks; the nearest legal value is {}",
                          *parallel_.data, ranks_, data)
            : fmt::format("{} x tensor {} x pipeline {} does not use all {} ranks; the nearest "
                          "legal value is {}",
                          *parallel_.data, tensor, pipeline, ranks_, data));
  }

  /// What tensor parallelism splits.
  void check_tensor() {
    const Index tensor = parallel_.tensor;
    if (tensor == 1 || config_ == nullptr || faults_.any_of({"parallel.tensor"})) return;
    const auto legal_tensor = [&](Index t) {
      const Index kv = config_->kv_heads;
      return config_->heads % t == 0 && config_->ffn_width % t == 0 &&
             (kv % t == 0 || t % kv == 0) && ranks_ % t == 0;
    };
    std::vector<Index> legal;
    for (const Index t : divisors(ranks_))
      if (legal_tensor(t)) legal.push_back(t);
    if (!legal_tensor(tensor)) {
      add("parallel.tensor",
          fmt::format("{} does not divide model.heads = {} and model.ffn_width = {} (kv heads: {}) "
                      "evenly; the nearest legal value is {}",
                      tensor, config_->heads, config_->ffn_width, config_->kv_heads,
                      nearest_of(legal, tensor)));
    }
    if (recipe_.training.reproducible.value_or(false) && 8 % tensor != 0) {
      std::vector<Index> of_eight;
      for (const Index t : legal)
        if (8 % t == 0) of_eight.push_back(t);
      add("parallel.tensor",
          fmt::format("{} does not divide 8, which training.reproducible needs; the nearest legal "
                      "value is {}",
                      tensor, nearest_of(of_eight, tensor)));
    }
    const Index length = recipe_.data.sequence_length;
    if (parallel_.sequence.value_or(false) && !faults_.any_of({"data.sequence_length"}) &&
        length % tensor != 0) {
      add("data.sequence_length",
          fmt::format("{} is no multiple of parallel.tensor = {}, which parallel.sequence needs; "
                      "the nearest legal value is {}",
                      length, tensor, std::max<Index>(1, (length + tensor / 2) / tensor) * tensor));
    }
  }

  void check_stages() {
    if (faults_.any_of({"parallel.pipeline", "parallel.virtual_stages", "parallel.schedule",
                        "parallel.tensor", "parallel.data", "training.global_batch",
                        "training.micro_batch"}))
      return;
    const std::string name = parallel_.schedule.value_or("1f1b");
    if (!name.starts_with(file_prefix) && !std::ranges::count(schedule_names(), name)) {
      return add("parallel.schedule", fmt::format("\"{}\" is not {} or file:PATH; the nearest "
                                                  "legal value is {}",
                                                  name, fmt::join(schedule_names(), ", "),
                                                  nearest(name, schedule_names())));
    }
    const Index virtual_stages = parallel_.virtual_stages.value_or(usual_virtual_stages(name));
    if (!name.starts_with(file_prefix) && too_many_stages(parallel_.pipeline * virtual_stages))
      return;
    try {
      check_blocks(pipeline_schedule(resolved(recipe_, ranks_)).stages());
    } catch (const Error& error) {
      add(parallel_.virtual_stages ? "parallel.virtual_stages" : "parallel.schedule", error.what());
    }
  }

  bool too_many_stages(Index stages) {
    const Index layers = config_ != nullptr ? config_->layers : largest_stages;
    if (stages <= layers) return false;
    add(parallel_.virtual_stages ? "parallel.virtual_stages" : "parallel.pipeline",
        fmt::format("{} stages are more than model.layers = {}: each needs a block; the nearest "
                    "legal value is {}",
                    stages, layers, nearest_stages(layers)));
    return true;
  }

  /// The largest legal value of the key that makes too many stages.
  [[nodiscard]] Index nearest_stages(Index layers) const {
    if (parallel_.virtual_stages) return std::max<Index>(1, layers / parallel_.pipeline);
    Index best = 1;
    for (const Index d : divisors(ranks_ / parallel_.tensor))
      if (d * usual_virtual_stages(parallel_.schedule.value_or("1f1b")) <= layers) best = d;
    return best;
  }

  void check_blocks(Index stages) {
    if (too_many_stages(stages) || !parallel_.stages) return;
    const auto blocks = blocks_of_stages(*parallel_.stages);
    if (!blocks) return add("parallel.stages", "is no list of numbers above 0, as 3,4,4,3");
    if (static_cast<Index>(blocks->size()) != stages) {
      add("parallel.stages",
          fmt::format("names {} stages, the schedule has {}", blocks->size(), stages));
    }
    const Index sum = std::accumulate(blocks->begin(), blocks->end(), Index{0});
    if (config_ != nullptr && sum != config_->layers) {
      add("parallel.stages",
          fmt::format("adds up to {} blocks, model.layers is {}", sum, config_->layers));
    }
  }

  void check_batch() {
    const TrainingSection& training = recipe_.training;
    if (faults_.any_of({"training.global_batch", "training.micro_batch", "parallel.data",
                        "parallel.tensor", "parallel.pipeline"}))
      return;
    const Index unit = training.micro_batch * (ranks_ / (parallel_.tensor * parallel_.pipeline));
    if (training.global_batch / unit > most_microbatches) {
      return add("training.global_batch",
                 fmt::format("{} are {} micro-batches a step on each rank; the nearest legal value "
                             "is {}",
                             training.global_batch, training.global_batch / unit,
                             unit * most_microbatches));
    }
    if (training.global_batch % unit == 0) return;
    const Index below = training.global_batch / unit * unit;
    const std::string legal = below == 0 ? fmt::format("value is {}", unit)
                                         : fmt::format("values are {} and {}", below, below + unit);
    add("training.global_batch",
        fmt::format("{} is no multiple of training.micro_batch x parallel.data = {}; the nearest "
                    "legal {}",
                    training.global_batch, unit, legal));
  }

  void check_zero() {
    if (faults_.any_of({"parallel.zero", "parallel.data", "parallel.tensor", "parallel.pipeline"}))
      return;
    const Index data = ranks_ / (parallel_.tensor * parallel_.pipeline);
    if (parallel_.zero > 3) {
      add("parallel.zero",
          fmt::format("{} is not 0, 1, 2 or 3; the nearest legal value is 3", parallel_.zero));
    }
    if (parallel_.zero_group && !faults_.any_of({"parallel.zero_group"})) {
      const Index group = *parallel_.zero_group;
      if (parallel_.zero == 0 && group != 1) {
        add("parallel.zero_group",
            "needs parallel.zero of 1 to 3; without it the only legal value is 1");
      } else if (data % group != 0) {
        add("parallel.zero_group",
            fmt::format("{} does not divide the data-parallel degree {}; the nearest legal value "
                        "is {}",
                        group, data, nearest_of(divisors(data), group)));
      }
    }
    if (parallel_.zero_keep.value_or(false) && parallel_.zero != 3)
      add("parallel.zero_keep",
          "needs parallel.zero = 3; without it the only legal value is false");
  }

  const Recipe& recipe_;
  const ParallelSection& parallel_;
  Index ranks_;
  const ModelConfig* config_;
  Faults& faults_;
};

}  // namespace

Index usual_virtual_stages(std::string_view schedule) {
  return schedule == "interleaved" || schedule == "zb-v" ? 2 : 1;
}

std::optional<std::vector<Index>> blocks_of_stages(std::string_view text) {
  std::vector<Index> blocks;
  while (true) {
    Index value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 1) return std::nullopt;
    blocks.push_back(value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) return blocks;
    if (text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
  }
}

MeshShape mesh_shape(const Recipe& recipe) {
  const ParallelSection& p = recipe.parallel;
  const Index shard = p.zero_group.value();
  return {.pipeline = p.pipeline,
          .replicate = p.data.value() / shard,
          .shard = shard,
          .tensor = p.tensor};
}

Index microbatches_of(const Recipe& recipe) {
  return recipe.training.global_batch / (recipe.training.micro_batch * *recipe.parallel.data);
}

PipelineSchedule pipeline_schedule(const Recipe& recipe) {
  const ParallelSection& p = recipe.parallel;
  const auto microbatches = static_cast<int>(microbatches_of(recipe));
  if (!p.schedule->starts_with(file_prefix)) {
    return make_schedule(*p.schedule, {.ranks = static_cast<int>(p.pipeline),
                                       .microbatches = microbatches,
                                       .virtual_stages = static_cast<int>(*p.virtual_stages)});
  }
  const std::string path = p.schedule->substr(file_prefix.size());
  PipelineSchedule schedule = read_schedule(read_small_file(path, largest_schedule), path);
  TW_CHECK_AS(ScheduleError, schedule.ranks() == p.pipeline, path, ": is for ", schedule.ranks(),
              " ranks, parallel.pipeline is ", p.pipeline);
  TW_CHECK_AS(ScheduleError, schedule.microbatches == microbatches, path, ": has ",
              schedule.microbatches, " micro-batches, a step of this recipe has ", microbatches,
              " (training.global_batch / (training.micro_batch x parallel.data))");
  const std::vector<std::string> faults = validate(schedule).faults;
  TW_CHECK_AS(ScheduleError, faults.empty(), path, ": ", joined(faults, "\n"));
  return schedule;
}

std::vector<BlockRange> stage_ranges(const Recipe& recipe, const ModelConfig& config) {
  if (recipe.parallel.stages) return partition(*blocks_of_stages(*recipe.parallel.stages));
  return partition(config, pipeline_schedule(recipe).stages());
}

void check_layout(const Recipe& recipe, Index ranks, const ModelConfig* config, Faults& faults) {
  LayoutCheck(recipe, ranks, config, faults).check();
}

}  // namespace tokenwerk
