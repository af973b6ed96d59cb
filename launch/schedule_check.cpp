#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "launch/layout.h"
#include "launch/layout_facts.h"

namespace tokenwerk {
namespace {

class ScheduleCheck {
 public:
  explicit ScheduleCheck(LayoutFacts& facts) : facts_(facts), parallel_(facts.parallel()) {}

  void check() {
    check_virtual_stages();
    std::optional<Index> stages = facts_.stages();
    if (const auto path = path_of_schedule(facts_.schedule())) {
      stages = check_file(*path);
    } else {
      check_name();
    }
    check_blocks(stages);
    if (facts_.on_rank() && !facts_.any_fault()) make_it();
  }

 private:
  void check_virtual_stages() {
    if (!parallel_.virtual_stages || !facts_.good({"parallel.virtual_stages"})) return;
    if (path_of_schedule(facts_.schedule())) {
      return facts_.add("parallel.virtual_stages",
                        "does not go with file:PATH, which says what stages a rank has; leave it "
                        "out");
    }
    const Index given = *parallel_.virtual_stages, nearest = *facts_.stages_of_rank();
    if (given == nearest) return;
    const Index least = facts_.on_rank()->least, most = facts_.on_rank()->most;
    const bool too_many = given > facts_.layers() / facts_.pipeline;
    const std::string has =
        least == most ? count_of(least, "stage") : fmt::format("{} to {} stages", least, most);
    const std::string what = too_many && given >= least && least != most
                                 ? too_many_stages(facts_.pipeline * given, facts_.layers())
                                 : fmt::format("{} is not what {} has: {} on each rank", given,
                                               *facts_.schedule_name(), has);
    facts_.add("parallel.virtual_stages",
               fmt::format("{}; the nearest legal value is {}", what, nearest));
  }

  void check_name() {
    if (stages_on_rank(facts_.schedule()) || !facts_.good({"parallel.schedule"})) return;
    facts_.add(
        "parallel.schedule",
        fmt::format("\"{}\" is not {} or file:PATH; the nearest legal value is {}",
                    facts_.schedule(), fmt::join(schedule_names(), ", "), *facts_.schedule_name()));
  }

  /// The stages of a schedule in a file, if it can be read.
  std::optional<Index> check_file(const std::string& path) {
    if (!facts_.good({"parallel.schedule"})) return std::nullopt;
    const auto [schedule, faults] = schedule_in_file(path);
    for (const std::string& fault : faults.lines()) facts_.add("parallel.schedule", fault);
    if (faults.count() > 0) return std::nullopt;
    if (schedule.stages() > facts_.layers())
      facts_.add("parallel.schedule",
                 path + ": " + too_many_stages(schedule.stages(), facts_.layers()));
    for (const std::string& fault : faults_of(schedule, pipeline(), microbatches()).lines())
      facts_.add("parallel.schedule", path + ": " + fault);
    return schedule.stages();
  }

  /// What a file has to agree with, where the keys that say so are good.
  [[nodiscard]] std::optional<Index> pipeline() const {
    if (!facts_.good({"parallel.pipeline"})) return std::nullopt;
    return facts_.pipeline;
  }
  [[nodiscard]] std::optional<Index> microbatches() const {
    if (!facts_.good_batch() ||
        !facts_.good({"parallel.tensor", "parallel.pipeline", "parallel.data"}))
      return std::nullopt;
    const TrainingSection& training = facts_.recipe().training;
    return training.global_batch / (training.micro_batch * facts_.data());
  }

  /// `stages`: how many there are, if that is known.
  void check_blocks(std::optional<Index> stages) {
    if (!parallel_.stages || !facts_.good({"parallel.stages"})) return;
    const auto blocks = blocks_of_stages(*parallel_.stages);
    const bool layers_known = facts_.config() != nullptr;
    std::vector<std::string> what;
    if (!blocks) {
      what.push_back(
          fmt::format("\"{}\" is no list of numbers above 0, as 3,4,4,3", *parallel_.stages));
    } else {
      const auto count = static_cast<Index>(blocks->size());
      if (stages && count != *stages)
        what.push_back(
            fmt::format("names {}, the schedule has {}", count_of(count, "stage"), *stages));
      const Index sum = std::accumulate(blocks->begin(), blocks->end(), Index{0});
      if (layers_known && sum != facts_.layers())
        what.push_back(fmt::format("adds up to {}{}, model.layers is {}", count_of(sum, "block"),
                                   sum >= most_blocks ? " or more" : "", facts_.layers()));
    }
    if (what.empty()) return;
    if (stages && layers_known && *stages <= facts_.layers()) {
      const auto nearest =
          nearest_blocks(blocks.value_or(std::vector<Index>{}), *stages, facts_.layers());
      what.push_back(fmt::format("{} legal value is {}", blocks ? "the nearest" : "a",
                                 fmt::join(nearest, ",")));
    }
    facts_.add("parallel.stages", fmt::format("{}", fmt::join(what, "; ")));
  }

  /// Some schedules find no order for some shapes.
  void make_it() {
    try {
      (void)pipeline_schedule(resolved(facts_.recipe(), facts_.ranks()));
    } catch (const Error& error) {
      facts_.add("parallel.schedule", error.what());
    }
  }

  LayoutFacts& facts_;
  const ParallelSection& parallel_;
};

}  // namespace

void check_pipeline_schedule(LayoutFacts& facts) { ScheduleCheck(facts).check(); }

}  // namespace tokenwerk
