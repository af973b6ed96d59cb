#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "launch/layout_facts.h"

namespace tokenwerk {
namespace {

constexpr Index fixed_chunks = 8;                    // in which sums of a fixed order are cut
constexpr Index most_microbatches = Index{1} << 20;  // of a step, on each rank

/// The divisors of n, ascending.
std::vector<Index> divisors(Index n) {
  std::vector<Index> out;
  for (Index d = 1; d <= n; ++d)
    if (n % d == 0) out.push_back(d);
  return out;
}

/// The legal value next to `wanted`, the smaller one of two as near; of those with which everything
/// works, where there are any.
Index nearest_of(std::vector<Index> legal, Index wanted, const std::function<bool(Index)>& works) {
  if (std::ranges::any_of(legal, works)) std::erase_if(legal, std::not_fn(works));
  return *std::ranges::min_element(legal, {}, [&](Index v) { return std::abs(v - wanted); });
}

Index nearest_divisor(Index number, Index wanted) {
  return nearest_of(divisors(number), wanted, [](Index) { return true; });
}

class DegreeCheck {
 public:
  explicit DegreeCheck(LayoutFacts& facts)
      : facts_(facts),
        parallel_(facts.parallel()),
        training_(facts.recipe().training),
        ranks_(facts.ranks()) {}

  void check() {
    check_tensor();
    check_pipeline();
    check_data();
    check_sequence_length();
    check_batch();
    check_zero();
    check_zero_group();
  }

 private:
  void add_with_nearest(std::string_view key, std::string_view what, Index nearest) {
    facts_.add(key, fmt::format("{}; the nearest legal value is {}", what, nearest));
  }

  [[nodiscard]] bool reproducible() const { return training_.reproducible.value_or(false); }

  /// Whether the layers can be split over so many tensor ranks.
  [[nodiscard]] bool splits(Index tensor) const {
    if (reproducible() && fixed_chunks % tensor != 0) return false;
    const ModelConfig* config = facts_.config();
    if (config == nullptr || tensor == 1) return true;
    return config->heads % tensor == 0 && config->ffn_width % tensor == 0 &&
           (config->kv_heads % tensor == 0 || tensor % config->kv_heads == 0);
  }

  /// Stages that a rank has at the least, however virtual_stages is mended.
  [[nodiscard]] Index least_on_rank() const {
    return facts_.on_rank() ? facts_.on_rank()->least : 1;
  }

  /// Whether all else fits these degrees as well.
  [[nodiscard]] bool works(Index tensor, Index pipeline) const {
    if (pipeline < 1 || ranks_ / tensor % pipeline != 0 || !splits(tensor)) return false;
    const Index data = ranks_ / (tensor * pipeline);
    if (facts_.good({"parallel.data"}) && parallel_.data.value_or(data) != data) return false;
    if (pipeline > facts_.layers() / least_on_rank()) return false;
    return !facts_.good_batch() || training_.global_batch % (training_.micro_batch * data) == 0;
  }

  void check_tensor() {
    if (!facts_.good({"parallel.tensor"})) return;
    const Index tensor = facts_.tensor = parallel_.tensor;
    const ModelConfig* config = facts_.config();
    std::vector<std::string> whole;  // what it does not divide
    if (ranks_ % tensor != 0) whole.push_back(count_of(ranks_, "rank"));
    if (config != nullptr && config->heads % tensor != 0)
      whole.push_back(fmt::format("model.heads = {}", config->heads));
    if (config != nullptr && config->ffn_width % tensor != 0)
      whole.push_back(fmt::format("model.ffn_width = {}", config->ffn_width));
    if (reproducible() && fixed_chunks % tensor != 0)
      whole.push_back(fmt::format("the {} chunks of training.reproducible", fixed_chunks));
    std::string what = fmt::format("{} does not divide {}", tensor, fmt::join(whole, ", "));
    if (whole.empty()) {
      if (splits(tensor)) return;
      what = fmt::format("{} neither divides model.kv_heads = {} nor is a multiple of it", tensor,
                         config->kv_heads);
    }
    std::vector<Index> legal = divisors(ranks_);
    std::erase_if(legal, [&](Index t) { return !splits(t); });
    facts_.tensor =
        nearest_of(legal, tensor, [&](Index t) { return works(t, parallel_.pipeline); });
    add_with_nearest("parallel.tensor", what, facts_.tensor);
  }

  void check_pipeline() {
    if (!facts_.good({"parallel.pipeline"})) return;
    const Index pipeline = facts_.pipeline = parallel_.pipeline;
    const Index least = least_on_rank(), rest = ranks_ / facts_.tensor;
    std::vector<Index> legal = divisors(rest);
    std::erase_if(legal, [&](Index p) { return p > facts_.layers() / least; });
    if (legal.empty()) {
      blame_schedule();
      return check_pipeline();
    }
    std::string what;
    if (rest % pipeline != 0) {
      what = fmt::format("{} does not divide {}", pipeline, ranks_left(rest));
    } else if (pipeline > facts_.layers() / least) {
      what = too_many_stages(pipeline * least, facts_.layers());
    } else {
      return;
    }
    facts_.pipeline = nearest_of(legal, pipeline, [&](Index p) { return works(facts_.tensor, p); });
    add_with_nearest("parallel.pipeline", what, facts_.pipeline);
  }

  [[nodiscard]] std::string ranks_left(Index rest) const {
    const std::string ranks = count_of(rest, "rank");
    if (facts_.tensor == 1) return ranks;
    return fmt::format("the {} that parallel.tensor = {} leaves", ranks, facts_.tensor);
  }

  /// The layers are too few for the stages that the schedule gives a single rank.
  void blame_schedule() {
    facts_.add(
        "parallel.schedule",
        fmt::format("{} has {} or more on each rank, model.layers is {}; the nearest legal "
                    "value is 1f1b",
                    *facts_.schedule_name(), count_of(least_on_rank(), "stage"), facts_.layers()));
    facts_.mend_schedule("1f1b");
  }

  void check_data() {
    if (!facts_.good({"parallel.data"}) || parallel_.data.value_or(facts_.data()) == facts_.data())
      return;
    std::string product = std::to_string(*parallel_.data);
    if (facts_.tensor > 1) product += fmt::format(" x tensor {}", facts_.tensor);
    if (facts_.pipeline > 1) product += fmt::format(" x pipeline {}", facts_.pipeline);
    add_with_nearest("parallel.data",
                     fmt::format("{} is not the number of ranks, {}", product, ranks_),
                     facts_.data());
  }

  void check_sequence_length() {
    const Index length = facts_.recipe().data.sequence_length, tensor = facts_.tensor;
    if (!parallel_.sequence.value_or(false)) return;
    if (!facts_.good({"data.sequence_length"}) || length % tensor == 0) return;
    add_with_nearest("data.sequence_length",
                     fmt::format("{} is no multiple of parallel.tensor = {}, which "
                                 "parallel.sequence needs",
                                 length, tensor),
                     std::max<Index>(1, (length + tensor / 2) / tensor) * tensor);
  }

  void check_batch() {
    if (!facts_.good_batch()) return;
    const Index unit = training_.micro_batch * facts_.data();
    const Index batch = training_.global_batch;
    const Index most =
        unit * std::min(most_microbatches, most_cells() / facts_.stages().value_or(1));
    if (batch > most) {
      return add_with_nearest(
          "training.global_batch",
          fmt::format("{} are {} micro-batches a step on each rank", batch, batch / unit), most);
    }
    if (batch % unit == 0) return;
    const Index below = batch / unit * unit;
    const std::string legal = below == 0 ? fmt::format("value is {}", unit)
                                         : fmt::format("values are {} and {}", below, below + unit);
    facts_.add(
        "training.global_batch",
        fmt::format("{} is no multiple of training.micro_batch x parallel.data = {}; the nearest "
                    "legal {}",
                    batch, unit, legal));
  }

  void check_zero() {
    if (!facts_.good({"parallel.zero"}) || parallel_.zero == 3) return;
    if (parallel_.zero_keep.value_or(false))
      facts_.add("parallel.zero_keep",
                 "needs parallel.zero = 3; without it the only legal value is false");
  }

  void check_zero_group() {
    if (!parallel_.zero_group || !facts_.good({"parallel.zero_group"})) return;
    const Index group = *parallel_.zero_group;
    if (parallel_.zero == 0 && group != 1) {
      facts_.add("parallel.zero_group",
                 "needs parallel.zero of 1 to 3; without it the only legal value is 1");
    } else if (facts_.data() % group != 0) {
      add_with_nearest(
          "parallel.zero_group",
          fmt::format("{} does not divide the data-parallel degree {}", group, facts_.data()),
          nearest_divisor(facts_.data(), group));
    }
  }

  LayoutFacts& facts_;
  const ParallelSection& parallel_;
  const TrainingSection& training_;
  Index ranks_;
};

}  // namespace

void check_degrees(LayoutFacts& facts) { DegreeCheck(facts).check(); }

}  // namespace tokenwerk
