#include "launch/replica_finding.h"

#include "launch/counted.h"
#include "launch/exit_code.h"
#include "parallel/comm/control.h"

namespace tokenwerk {

ReplicaFinding shared_finding(Communicator& ranks, const ReplicaFinding& mine) {
  const Index size = ranks.size();
  const Index key = mine.text.empty() ? 0 : mine.knows * size + size - 1 - ranks.rank();
  double highest[] = {static_cast<double>(key)};
  all_reduce(ranks, highest, Reduction::max);
  const auto found = static_cast<Index>(highest[0]);
  if (found == 0) return {};
  const int speaker = static_cast<int>(size - 1 - found % size);
  const std::string odd = mine.odd ? std::to_string(*mine.odd) : "";
  return {.text = broadcast_string(ranks, mine.text, speaker),
          .odd = number_of<Index>(broadcast_string(ranks, odd, speaker)),
          .host = broadcast_string(ranks, mine.host, speaker),
          .knows = found / size};
}

void end_by(const ReplicaFinding& finding, Index step, RunLog& log,
            const std::function<void()>& before_end) {
  if (finding.text.empty()) return;
  before_end();
  log.event({.name = "replicas_differ",
             .step = step,
             .rank = finding.odd,
             .host = finding.host,
             .what = finding.text});
  throw SharedError(ExitCode::wrong_machine, finding.text);
}

}  // namespace tokenwerk
