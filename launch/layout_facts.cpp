#include "launch/layout_facts.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "launch/layout.h"
#include "launch/nearest.h"

namespace tokenwerk {

LayoutFacts::LayoutFacts(const Recipe& recipe, Index ranks, const ModelConfig* config,
                         Faults& faults)
    : recipe_(&recipe), ranks_(ranks), config_(config), faults_(&faults) {
  if (!path_of_schedule(schedule())) mend_schedule(nearest(schedule(), schedule_names()));
}

void LayoutFacts::mend_schedule(std::string_view name) {
  name_ = name;
  on_rank_ = stages_on_rank(name);
}

void LayoutFacts::add(std::string_view key, std::string_view what) {
  faults_->add(recipe_->place_of(key), key, what);
}

bool LayoutFacts::good(std::initializer_list<std::string_view> keys) const {
  return !faults_->any_of(keys);
}

bool LayoutFacts::good_batch() const {
  return good({"training.global_batch", "training.micro_batch"});
}

Index LayoutFacts::layers() const {
  return config_ != nullptr ? config_->layers : std::numeric_limits<Index>::max();
}

std::optional<Index> LayoutFacts::stages_of_rank() const {
  if (!on_rank_) return std::nullopt;
  const bool given = parallel().virtual_stages.has_value();
  const Index wanted = given ? *parallel().virtual_stages : on_rank_->usual;
  const Index most = std::min<Index>(on_rank_->most, layers() / pipeline);
  return std::clamp<Index>(wanted, on_rank_->least, std::max<Index>(on_rank_->least, most));
}

std::optional<Index> LayoutFacts::stages() const {
  const auto here = stages_of_rank();
  return here ? std::optional(pipeline * *here) : std::nullopt;
}

std::string too_many_stages(Index stages, Index layers) {
  return fmt::format("{} are more than model.layers = {}: each needs a block",
                     count_of(stages, "stage"), layers);
}

void check_layout(const Recipe& recipe, Index ranks, const ModelConfig* config, Faults& faults) {
  LayoutFacts facts(recipe, ranks, config, faults);
  check_degrees(facts);
  check_pipeline_schedule(facts);
}

}  // namespace tokenwerk
