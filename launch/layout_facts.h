#pragma once
/// What the checks of a layout know while they run, in two files: the degrees and what they divide,
/// and the pipeline's schedule. Where a key has a fault, those that follow it are checked as if it
/// had the value that was named as the nearest legal one: all faults come at once, and who follows
/// all advice has a legal layout.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launch/counted.h"
#include "launch/faults.h"
#include "launch/recipe.h"
#include "models/config.h"
#include "parallel/pipeline/generators.h"

namespace tokenwerk {

class LayoutFacts {
 public:
  /// `config` is null where the model has faults.
  LayoutFacts(const Recipe& recipe, Index ranks, const ModelConfig* config, Faults& faults);

  [[nodiscard]] const Recipe& recipe() const { return *recipe_; }
  [[nodiscard]] const ParallelSection& parallel() const { return recipe_->parallel; }
  [[nodiscard]] Index ranks() const { return ranks_; }
  [[nodiscard]] const ModelConfig* config() const { return config_; }

  void add(std::string_view key, std::string_view what);
  /// None of the keys has a fault.
  [[nodiscard]] bool good(std::initializer_list<std::string_view> keys) const;
  [[nodiscard]] bool good_batch() const;
  [[nodiscard]] bool any_fault() const { return !faults_->empty(); }

  /// Blocks of the model; without end where that is not known.
  [[nodiscard]] Index layers() const;
  /// As the recipe has it.
  [[nodiscard]] std::string schedule() const { return parallel().schedule.value_or("1f1b"); }
  /// The schedule's name, mended where there is none such; nothing where it is in a file.
  [[nodiscard]] const std::optional<std::string>& schedule_name() const { return name_; }
  void mend_schedule(std::string_view name);
  /// What it says of a rank's stages.
  [[nodiscard]] const std::optional<StagesOnRank>& on_rank() const { return on_rank_; }

  /// Degrees, mended where they had a fault once their check is done.
  Index tensor = 1;
  Index pipeline = 1;
  [[nodiscard]] Index data() const { return ranks_ / (tensor * pipeline); }
  /// Stages of a rank and of the pipeline, mended likewise; of a schedule with a name.
  [[nodiscard]] std::optional<Index> stages_of_rank() const;
  [[nodiscard]] std::optional<Index> stages() const;

 private:
  const Recipe* recipe_;
  Index ranks_;
  const ModelConfig* config_;
  Faults* faults_;
  std::optional<std::string> name_;
  std::optional<StagesOnRank> on_rank_;
};

/// Tensor, pipeline and data degree, what they divide, and ZeRO.
void check_degrees(LayoutFacts& facts);
/// Schedule, stages of a rank and blocks of a stage.
void check_pipeline_schedule(LayoutFacts& facts);

/// That so many stages are more than the layers.
[[nodiscard]] std::string too_many_stages(Index stages, Index layers);

}  // namespace tokenwerk
