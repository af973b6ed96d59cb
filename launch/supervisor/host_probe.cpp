#include "launch/supervisor/host_probe.h"

#include <algorithm>
#include <memory>

#include "launch/supervisor/child_process.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t at_a_time = 32;

std::vector<std::string> probe(Starter starter, const std::string& host) {
  if (starter == Starter::srun)
    return {"srun", "--overlap", "--nodelist=" + host, "--nodes=1", "--ntasks=1", "true"};
  return {"mpirun", "--host", host + ":1", "-n", "1", "true"};
}

/// Asks them all at once.
void ask(Starter starter, const std::vector<Host>& hosts, std::chrono::seconds limit,
         Answers& answers) {
  std::vector<std::unique_ptr<ChildProcess>> probes;
  const auto drop = [](const std::string&) {};
  for (const Host& host : hosts) {
    probes.push_back(std::make_unique<ChildProcess>(probe(starter, host.name),
                                                    std::map<std::string, std::string>{},
                                                    LineListener{STDERR_FILENO, drop}));
  }
  const auto deadline = Clock::now() + limit;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    std::optional<int> code;
    do {
      code = probes[i]->wait(std::chrono::milliseconds(50));
    } while (!code && Clock::now() < deadline);
    (code == 0 ? answers.reached : answers.silent).push_back(hosts[i]);
  }
}

}  // namespace

Answers ask_hosts(Starter starter, const std::vector<Host>& hosts, std::chrono::seconds limit) {
  Answers answers;
  if (hosts.size() == 1 && hosts.front().name == own_host_name()) {
    answers.reached = hosts;
    return answers;
  }
  for (std::size_t first = 0; first < hosts.size(); first += at_a_time) {
    const auto begin = hosts.begin() + static_cast<std::ptrdiff_t>(first);
    const std::size_t count = std::min(at_a_time, hosts.size() - first);
    ask(starter, {begin, begin + static_cast<std::ptrdiff_t>(count)}, limit, answers);
  }
  return answers;
}

}  // namespace tokenwerk
