#include "parallel/pipeline/published.h"

namespace tokenwerk {

std::optional<PublishedBubble> published_bubble(const PipelineSchedule& schedule,
                                                const StageCosts& costs) {
  const int p = schedule.ranks(), m = schedule.microbatches;
  const int v = schedule.stages() / p;
  const bool equal =
      costs.forward == costs.backward_input && costs.forward == costs.backward_weight;
  // A rank's idle time is that of P - 1 units, its work that of `units`.
  const auto bubble = [&](double units, const char* formula) {
    return PublishedBubble{(p - 1) / (units + p - 1), formula};
  };
  const std::string& name = schedule.name;
  if (name == "gpipe" || name == "1f1b") return bubble(m, "(P-1)/(M+P-1)");
  if (name == "interleaved" && m % p == 0) return bubble(1.0 * m * v, "(P-1)/(M V+P-1)");
  if (name == "zb-h1" && equal && m >= p) return bubble(3.0 * m, "(P-1)/(3M+P-1)");
  if (name == "zb-v" && equal && m >= 2 * p - 1) return bubble(6.0 * m, "(P-1)/(6M+P-1)");
  return std::nullopt;
}

}  // namespace tokenwerk
