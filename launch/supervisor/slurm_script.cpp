#include "launch/supervisor/slurm_script.h"

#include <fmt/core.h>

#include <cmath>

namespace tokenwerk {
namespace {

/// The body, which no job changes but for the command.
constexpr const char* body = R"(
run=
trap '[[ -z $run ]] || kill -USR1 "$run" 2>/dev/null' USR1 TERM INT
{} &
run=$!

# A trapped signal ends `wait` early: only the end of the run counts.
wait "$run"
while kill -0 "$run" 2>/dev/null; do wait "$run"; done
wait "$run"
code=$?

# 75: stopped by a signal, saved. Nobody may bring back a job that was cancelled.
if ((code == 75)) && [[ $(scontrol --oneliner show job "$SLURM_JOB_ID") == *" JobState=RUNNING "* ]]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
)";

/// Seconds that the supervisor gets beyond the grace: to kill what did not save, and to requeue.
constexpr double margin = 60;

/// --comment="two words": Slurm takes such lines apart by words, with quotes as a shell does.
std::string quoted_value(const std::string& option) {
  if (option.find_first_of(" \t\"\\'#") == std::string::npos) return option;
  const std::size_t begin = option.find('=') + 1;
  std::string out = option.substr(0, begin) + "\"";
  for (const char c : option.substr(begin)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::string slurm_script(const SlurmJob& job) {
  std::string text = "#!/bin/bash\n";
  const auto add = [&text](const std::string& option) {
    text += "#SBATCH " + quoted_value(option) + "\n";
  };
  add("--job-name=tokenwerk");
  add(fmt::format("--nodes={}", job.nodes));
  add(fmt::format("--ntasks-per-node={}", job.ranks_per_node));
  // Without a number, all cores of the hosts are divided by the ranks.
  add(job.threads > 0 ? fmt::format("--cpus-per-task={}", job.threads) : "--exclusive");
  if (job.gpus) add(fmt::format("--gpus-per-node={}", job.ranks_per_node));
  add(fmt::format("--signal=B:USR1@{:.0f}", std::ceil(job.grace_seconds + margin)));
  add("--requeue");
  add("--open-mode=append");
  add("--output=" + job.output);
  for (const std::string& option : job.options) add(option);
  return text + fmt::format(fmt::runtime(body), Command{job.command, {}}.text());
}

}  // namespace tokenwerk
