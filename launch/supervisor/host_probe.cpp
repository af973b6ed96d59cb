#include "launch/supervisor/host_probe.h"

#include <iterator>
#include <list>
#include <optional>
#include <thread>

#include "launch/supervisor/child_process.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t at_a_time = 64;

std::vector<std::string> program(Starter starter, const std::string& host) {
  if (starter == Starter::srun)
    return {"srun", "--overlap", "--nodelist=" + host, "--nodes=1", "--ntasks=1", "true"};
  return {"mpirun", "--host", host + ":1", "-n", "1", "true"};
}

/// One host that is being asked.
class Probe {
 public:
  Probe(Starter starter, const std::string& host, std::size_t place)
      : place_(place),
        process_(program(starter, host), {}, {STDERR_FILENO, [](const std::string&) {}}) {}

  /// Of the host, in the list.
  [[nodiscard]] std::size_t place() const { return place_; }
  [[nodiscard]] Clock::time_point started() const { return started_; }
  [[nodiscard]] std::optional<int> exit_code() { return process_.wait(0ms); }

 private:
  std::size_t place_;
  ChildProcess process_;
  Clock::time_point started_ = Clock::now();
};

class Inquiry {
 public:
  Inquiry(Starter starter, const std::vector<Host>& hosts, const Patience& patience)
      : starter_(starter), hosts_(hosts), patience_(patience), reached_(hosts.size()) {}

  Answers run() {
    while (!is_over()) {
      for (; asked_ < hosts_.size() && probes_.size() < at_a_time; ++asked_)
        probes_.emplace_back(starter_, hosts_[asked_].name, asked_);
      listen();
      std::this_thread::sleep_for(20ms);
    }
    Answers answers;
    for (std::size_t i = 0; i < hosts_.size(); ++i)
      (reached_[i] ? answers.reached : answers.silent).push_back(hosts_[i]);
    return answers;
  }

 private:
  [[nodiscard]] bool is_over() const {
    const bool told = asked_ == hosts_.size() && probes_.empty();
    const auto now = Clock::now();
    const bool in_vain = now > patience_.until && now - answered_at_ > patience_.limit;
    return told || in_vain || patience_.stop.count() > 0;
  }

  void listen() {
    for (auto probe = probes_.begin(); probe != probes_.end();) {
      const std::optional<int> code = probe->exit_code();
      if (code == 0) {
        reached_[probe->place()] = true;
        answered_at_ = Clock::now();
      }
      const bool ended = code || Clock::now() - probe->started() > patience_.limit;
      probe = ended ? probes_.erase(probe) : std::next(probe);
    }
  }

  Starter starter_;
  const std::vector<Host>& hosts_;
  const Patience& patience_;
  std::vector<bool> reached_;
  std::list<Probe> probes_;
  std::size_t asked_ = 0;
  Clock::time_point answered_at_ = Clock::now();  ///< the last one; at first, when it began
};

}  // namespace

Answers ask_hosts(Starter starter, const std::vector<Host>& hosts, const Patience& patience) {
  if (hosts.size() == 1 && hosts.front().name == own_host_name()) return {hosts, {}};
  return Inquiry(starter, hosts, patience).run();
}

}  // namespace tokenwerk
