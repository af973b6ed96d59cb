#include "parallel/pipeline/generators.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/error.h"
#include "parallel/pipeline/interleaved.h"
#include "parallel/pipeline/single_stage.h"
#include "parallel/pipeline/zb_v.h"

namespace tokenwerk {
namespace {

/// More would only be a slip of the keyboard, and fill the memory.
constexpr std::int64_t largest_schedule = std::int64_t{1} << 22;

/// A row of the table of schedules.
struct Generator {
  std::string_view name;
  StagesOnRank stages;
  PipelineSchedule (*make)(const ScheduleShape& shape);
};

constexpr std::array generators = {
    Generator{"gpipe", {1, 1, 1}, make_gpipe},
    Generator{"1f1b", {1, 1, 1}, make_1f1b},
    Generator{"interleaved", {2, 2, most_stages}, make_interleaved},
    Generator{"zb-h1", {1, 1, 1}, make_zb_h1},
    Generator{"zb-v", {2, 2, 2}, make_zb_v},
};

const Generator& generator_named(std::string_view name) {
  const auto* found = std::ranges::find(generators, name, &Generator::name);
  TW_CHECK_AS(ScheduleError, found != generators.end(), "'", name,
              "' is no pipeline schedule; there are ",
              fmt::format("{}", fmt::join(schedule_names(), ", ")));
  return *found;
}

void check_shape(const Generator& generator, const ScheduleShape& shape) {
  TW_CHECK_AS(ScheduleError, shape.ranks >= 1, generator.name, ": ", shape.ranks,
              " pipeline ranks; the nearest legal value is 1");
  TW_CHECK_AS(ScheduleError, shape.microbatches >= 1, generator.name, ": ", shape.microbatches,
              " micro-batches; the nearest legal value is 1");
  const int stages = shape.virtual_stages;
  const int nearest = std::clamp(stages, generator.stages.least, generator.stages.most);
  TW_CHECK_AS(ScheduleError, stages == nearest, generator.name, ": ", stages,
              " virtual stages on each rank; the nearest legal value is ", nearest);
  const std::int64_t all = std::int64_t{shape.ranks} * stages;
  TW_CHECK_AS(ScheduleError, all <= most_stages, generator.name, ": ", shape.ranks, " ranks of ",
              stages, " stages; the nearest legal number of ranks is ", most_stages / stages);
  TW_CHECK_AS(ScheduleError, all * shape.microbatches <= most_cells(), generator.name, ": ", all,
              " stages and ", shape.microbatches,
              " micro-batches; the nearest legal number of micro-batches is ", most_cells() / all);
}

}  // namespace

std::vector<std::string_view> schedule_names() {
  std::vector<std::string_view> names(generators.size());
  std::ranges::transform(generators, names.begin(), &Generator::name);
  return names;
}

std::optional<StagesOnRank> stages_on_rank(std::string_view name) {
  const auto* found = std::ranges::find(generators, name, &Generator::name);
  return found == generators.end() ? std::nullopt : std::optional(found->stages);
}

std::int64_t most_cells() { return largest_schedule; }

PipelineSchedule make_schedule(std::string_view name, const ScheduleShape& shape) {
  const Generator& generator = generator_named(name);
  ScheduleShape whole = shape;
  if (whole.virtual_stages == 0) whole.virtual_stages = generator.stages.usual;
  check_shape(generator, whole);
  PipelineSchedule schedule = generator.make(whole);
  schedule.name = name;
  return schedule;
}

}  // namespace tokenwerk
