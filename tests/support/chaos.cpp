#include "tests/support/chaos.h"

#include <fmt/core.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "tests/support/processes.h"

namespace tokenwerk {
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
namespace {

/// How often each is chosen, in percent, in the order of the enums.
constexpr std::array victims{60, 17, 18, 5};
constexpr std::array moments{15, 35, 50};

constexpr std::chrono::milliseconds patience = 120s;

std::vector<std::string> launch_command(const std::string& run, int save_every,
                                        const std::vector<std::string>& flags) {
  std::vector<std::string> arguments{"launch", "recipe.toml",        "--log.directory",
                                     run,      "--checkpoint.every", std::to_string(save_every)};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return tokenwerk_command(1, arguments);
}

/// What mpirun leaves when it is killed goes away with the folder.
std::map<std::string, std::string> environment(const TrainingFolder& folder) {
  auto variables = training_environment();
  variables["OMPI_MCA_btl_vader_backing_directory"] = folder.path();
  return variables;
}

}  // namespace

Chaos::Chaos(const TrainingFolder& folder, const std::string& run, int save_every,
             const std::vector<std::string>& flags, std::uint32_t seed)
    : log_(folder.path() / run),
      save_every_(save_every),
      random_(seed),
      launch_(launch_command(run, save_every, flags), folder.path(), environment(folder)) {}

Chaos::Attempt Chaos::attempt() {
  Attempt out;
  const std::vector<Process> all = descendants_of(launch_.pid());
  std::error_code ended;
  const fs::path ours = fs::read_symlink(fmt::format("/proc/{}/exe", launch_.pid()), ended);
  for (const Process& each : all)
    if (each.parent == launch_.pid() && each.program != ours) out.starter = each.pid;
  for (const Process& each : all)
    if (each.parent == out.starter && each.program == ours) out.ranks.push_back(each.pid);
  seen_.insert(out.ranks.begin(), out.ranks.end());
  return out;
}

bool Chaos::wait_for_attempt() {
  last_ = beat();
  for (; launch_.is_running(); std::this_thread::sleep_for(5ms)) {
    const Attempt now = attempt();
    if (now.starter == 0 || now.starter == starter_ || now.ranks.empty()) continue;
    starter_ = now.starter;
    return true;
  }
  return false;
}

Beat Chaos::beat() const {
  std::ifstream file(log_ / ".heartbeat");
  std::string line;
  std::getline(file, line);
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return last_;  // half of one beat and half of the next
  return {json.at("attempt"), json.at("step"), json.at("phase")};
}

bool Chaos::is_training() const {
  const Beat now = beat();
  return now.attempt != last_.attempt && now.phase != "loading";
}

bool Chaos::is_saving() const {
  std::error_code fault;
  for (fs::directory_iterator entry(log_ / "checkpoints", fault);
       !fault && entry != fs::directory_iterator(); entry.increment(fault))
    if (entry->path().extension() == ".writing") return true;
  return false;
}

template <std::size_t n>
std::size_t Chaos::choice(const std::array<int, n>& percents) {
  int rest = chance(100);
  for (std::size_t i = 0; i + 1 < n; ++i)
    if ((rest -= percents[i]) < 0) return i;
  return n - 1;
}

template <typename Condition>
void Chaos::wait_until(Condition condition, std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  while (!condition() && Clock::now() < end && is_running(starter_))
    std::this_thread::sleep_for(1ms);
}

void Chaos::wait_for(Moment moment) {
  const auto limit = moment == Moment::start ? chance(1000) * 1ms : patience;
  wait_until([this] { return is_training(); }, limit);
  if (moment == Moment::start) return;
  const int goal = beat().step + chance(8 * save_every_);
  wait_until([&] { return beat().step >= goal; }, patience);
  if (moment == Moment::save) wait_until([this] { return is_saving(); }, patience);
  std::this_thread::sleep_for(chance(moment == Moment::save ? 40000 : 5000) * 1us);
}

bool Chaos::kill(Victim victim) {
  const Attempt now = attempt();
  if (now.starter != starter_ || now.ranks.empty()) return false;
  const pid_t one = now.ranks[static_cast<std::size_t>(chance(static_cast<int>(now.ranks.size())))];
  switch (victim) {
    case Victim::one_rank: return ::kill(one, SIGKILL) == 0;
    case Victim::stopped_rank: return ::kill(one, SIGSTOP) == 0;
    case Victim::starter: return ::kill(now.starter, SIGKILL) == 0;
    case Victim::all_ranks: break;
  }
  bool any = false;
  for (const pid_t rank : now.ranks) any = ::kill(rank, SIGKILL) == 0 || any;
  return any;
}

bool Chaos::strike() {
  const auto victim = static_cast<Victim>(choice(victims));
  const auto moment = static_cast<Moment>(choice(moments));
  while (wait_for_attempt()) {
    wait_for(moment);
    const bool saving = is_saving();
    if (!kill(victim)) continue;  // it ended first
    kills_.push_back({victim, moment, saving && is_saving()});
    return true;
  }
  return false;
}

}  // namespace tokenwerk
