#include "launch/supervisor/supervisor.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <map>
#include <thread>

#include "core/log.h"
#include "launch/counted.h"
#include "launch/events.h"
#include "launch/exit_code.h"
#include "launch/local_marker.h"
#include "launch/supervisor/attempt.h"
#include "launch/supervisor/host_probe.h"
#include "parallel/checkpoint/checkpoint.h"

namespace tokenwerk {
namespace {

constexpr double longest_pause = 60;          // seconds between two attempts
constexpr Index most_failures_of_a_host = 2;  // in a row, named each time

/// Where the first attempt runs: on as many ranks as asked for, or where hosts are left out and no
/// spares take their places, on the most that are legal.
Placement first_placement(const SupervisorOptions& options) {
  const Index asked = ranks_of(options.hosts);
  if (options.excluded.empty()) return with_threads(placed(options.hosts, asked), options.threads);
  const std::vector<Host> left = candidates_of(options);
  const auto ranks = most_legal_ranks(options.recipe, asked, ranks_of(left));
  TW_CHECK_AS(ConfigError, ranks, "too few hosts are left for one replica of the model: of ",
              options.hosts.size(), " hosts and ", options.spares.size(), " spares ", left.size(),
              " may be used; the others are excluded");
  return with_threads(placed(left, *ranks), options.threads);
}

/// "6 of 8 ranks, 25 % of the capacity lost; spare: n4"
std::string capacity_text(const Placement& placement, Index asked) {
  const double lost =
      100.0 * static_cast<double>(asked - placement.ranks) / static_cast<double>(asked);
  const std::string spares =
      placement.spares.empty() ? "" : "; spare: " + names_of(placement.spares);
  return fmt::format("{} of {} ranks, {:.0f} % of the capacity lost{}", placement.ranks, asked,
                     lost, spares);
}

std::vector<std::string> train_arguments(const RecipeSource& recipe,
                                         const std::vector<RecipeFlag>& flags) {
  std::vector<std::string> out{own_program(), "train", recipe.file};
  for (const RecipeFlag& flag : flags) out.insert(out.end(), {"--" + flag.key, flag.value});
  for (const std::string& fault : recipe.injections) out.insert(out.end(), {"--inject", fault});
  return out;
}

/// Whether another attempt could end otherwise. A recipe that was legal at first and then is not is
/// a matter of the machine: another run still holds the folder.
bool is_final(int code, Index attempt) {
  const auto is = [code](ExitCode c) { return code == static_cast<int>(c); };
  return is(ExitCode::done) || is(ExitCode::wrong_data) || is(ExitCode::stopped_by_policy) ||
         is(ExitCode::stopped_by_signal) || (is(ExitCode::wrong_recipe) && attempt == 1);
}

class Supervisor {
 public:
  explicit Supervisor(const SupervisorOptions& options);
  [[nodiscard]] int run();

 private:
  [[nodiscard]] AttemptEnd attempt();
  void record_death(const AttemptEnd& end);
  void record_recovery();
  void count_failures(const AttemptEnd& end);
  [[nodiscard]] std::string from() const;
  void pause();
  /// False where too few hosts are left.
  [[nodiscard]] bool place_again();
  [[nodiscard]] std::vector<RecipeFlag> flags() const;
  [[nodiscard]] std::string newest_checkpoint() const;
  /// The marker of the local generations that the ranks of this supervisor have kept.
  [[nodiscard]] std::optional<LocalMarker> newest_local() const;
  [[nodiscard]] double seconds_since_saved() const;
  void event(const RunEvent& event) const;
  [[nodiscard]] int give_up(const std::string& why) const;
  [[nodiscard]] int stopped(int code) const;

  const SupervisorOptions& options_;
  Recipe recipe_;  ///< as resolved
  Index asked_;    ///< ranks
  Placement placement_;
  StopSignals stop_;
  EventLog events_;
  Index number_ = 0;   ///< of the attempt
  Index in_vain_ = 0;  ///< attempts in a row without a new checkpoint
  std::string checkpoint_;
  std::optional<LocalMarker> found_;  ///< before the first attempt
  std::optional<LocalMarker> local_;
  std::vector<Host> ring_;                 ///< of the hosts that keep `local_`
  std::map<std::string, Index> failures_;  ///< in a row, by host
  std::optional<double> died_at_;          ///< unix time
};

Supervisor::Supervisor(const SupervisorOptions& options)
    : options_(options),
      recipe_(
          resolved(read_recipe(options.recipe.file, options.recipe.flags, ranks_of(options.hosts)),
                   ranks_of(options.hosts))),
      asked_(ranks_of(options.hosts)),
      placement_(first_placement(options)),
      events_(recipe_.log.directory),
      checkpoint_(newest_checkpoint()),
      found_(read_local_marker(recipe_.checkpoint.directory.value())) {
  if (options.excluded.empty()) return;
  const std::string what = capacity_text(placement_, asked_);
  event({.name = "preflight", .ranks = placement_.ranks, .what = what});
  log_info("starting on {}: {}", names_of(placement_.hosts), what);
}

int Supervisor::run() {
  for (;;) {
    const AttemptEnd end = attempt();
    const int code = end.exit_code;
    if (end.stopped && code != static_cast<int>(ExitCode::done)) return stopped(code);
    if (is_final(code, number_)) return code;
    record_death(end);
    count_failures(end);
    if (in_vain_ > options_.restarts) {
      return give_up(fmt::format("{} brought no new checkpoint", count_of(in_vain_, "attempt")));
    }
    pause();
    if (stop_.count() > 0) return stopped(code);
    if (!place_again()) return give_up("too few hosts are left for one replica of the model");
  }
}

AttemptEnd Supervisor::attempt() {
  ++number_;
  const Command command =
      start_command(options_.starter, placement_, train_arguments(options_.recipe, flags()),
                    {{attempt_variable, std::to_string(number_)}});
  return run_attempt(command,
                     {.number = number_,
                      .heartbeat = heartbeat_file(recipe_.log.directory),
                      .hang_seconds = options_.hang_seconds,
                      .grace_seconds = options_.grace_seconds,
                      .first_step = [this] { record_recovery(); }},
                     stop_);
}

void Supervisor::record_recovery() {
  if (!died_at_) return;
  event({.name = "recovered",
         .attempt = number_,
         .ranks = placement_.ranks,
         .seconds_lost = unix_seconds_now() - *died_at_,
         .what = "from the end of the attempt before to a new step"});
}

std::vector<RecipeFlag> Supervisor::flags() const {
  std::vector<RecipeFlag> flags = flags_on(options_.recipe, asked_, placement_.ranks);
  // Before the first checkpoint a restart begins as the first attempt did.
  if (number_ > 1 && (!checkpoint_.empty() || local_))
    flags.push_back({"checkpoint.resume", "latest"});
  return flags;
}

std::string Supervisor::newest_checkpoint() const {
  return latest_checkpoint(recipe_.checkpoint.directory.value()).value_or("").string();
}

std::optional<LocalMarker> Supervisor::newest_local() const {
  auto marker = read_local_marker(recipe_.checkpoint.directory.value());
  const bool ours = marker && marker->step && marker != found_;
  return ours ? std::move(marker) : std::nullopt;
}

/// The age of the newest checkpoint or local generation; of none, infinite.
double Supervisor::seconds_since_saved() const {
  std::vector<std::filesystem::path> files;
  if (const std::string newest = newest_checkpoint(); !newest.empty()) files.emplace_back(newest);
  if (newest_local()) files.push_back(local_marker_file(recipe_.checkpoint.directory.value()));
  double age = std::numeric_limits<double>::infinity();
  for (const std::filesystem::path& file : files) {
    std::error_code ignored;  // it may just be removed
    const auto written = std::filesystem::last_write_time(file, ignored);
    const auto now = std::filesystem::file_time_type::clock::now();
    age = std::min(age, std::chrono::duration<double>(now - written).count());
  }
  return age;
}

void Supervisor::record_death(const AttemptEnd& end) {
  died_at_ = unix_seconds_now();
  RunEvent death{.name = end.hung ? "hang" : "died",
                 .attempt = number_,
                 .ranks = placement_.ranks,
                 .exit_code = end.exit_code,
                 .seconds_lost = std::min(seconds_since_saved(), end.seconds)};
  if (end.last) death.step = end.last->step;
  if (!end.blames.empty()) {
    death.rank = end.blames.front().rank;
    death.host = end.blames.front().host;
    death.what = end.blames.front().text;
  } else if (end.hung) {
    death.what = fmt::format("no sign of life for {:.0f} s{}", end.silent_seconds,
                             end.last ? " while " + end.last->phase : " since the start");
  }
  event(death);
  log_warning("attempt {} {} with code {} after {:.0f} s{}", number_,
              end.hung ? "hung and was killed," : "ended", end.exit_code, end.seconds,
              end.last ? fmt::format(", at step {}", end.last->step) : "");
}

void Supervisor::count_failures(const AttemptEnd& end) {
  const std::string newest = newest_checkpoint();
  const std::optional<LocalMarker> local = newest_local();
  in_vain_ = newest == checkpoint_ && local == local_ ? in_vain_ + 1 : 0;
  if (local != local_) ring_ = placement_.hosts;
  checkpoint_ = newest;
  local_ = local;
  std::map<std::string, Index> failures;
  for (const Blame& blame : end.blames)
    if (!blame.host.empty()) failures[blame.host] = failures_[blame.host] + 1;
  failures_ = failures;
}

/// What the next attempt goes on from, in words.
std::string Supervisor::from() const {
  const std::string shared = checkpoint_.empty() ? "its beginning" : checkpoint_;
  if (!local_) return shared;
  return fmt::format("what the hosts hold of step {}, or from {}", *local_->step, shared);
}

void Supervisor::pause() {
  const double seconds =
      std::min(longest_pause, static_cast<double>(Index{1} << std::min<Index>(in_vain_, 6)));
  log_info("the run restarts in {:.0f} s from {}", seconds, from());
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (stop_.count() == 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

bool Supervisor::place_again() {
  const Answers answers = ask_hosts(options_.starter, candidates_of(options_));
  std::vector<Host> left, excluded = answers.silent;
  for (const Host& host : answers.reached)
    (failures_[host.name] < most_failures_of_a_host ? left : excluded).push_back(host);
  auto ranks = most_legal_ranks(options_.recipe, asked_, ranks_of(left));
  if (!ranks) {  // better one that failed before than none
    left = answers.reached;
    excluded = answers.silent;
    ranks = most_legal_ranks(options_.recipe, asked_, ranks_of(left));
  }
  if (!excluded.empty())
    event({.name = "excluded", .host = names_of(excluded), .what = "silent, or failed again"});
  if (!ranks) return false;
  if (local_) left = keepers_first(left, *ranks, ring_);
  placement_ = with_threads(placed(left, *ranks), options_.threads);
  const std::string what = capacity_text(placement_, asked_);
  event({.name = "restart", .attempt = number_ + 1, .ranks = *ranks, .what = what});
  log_info("attempt {} on {}: {}", number_ + 1, names_of(placement_.hosts), what);
  return true;
}

void Supervisor::event(const RunEvent& event) const {
  std::error_code ignored;  // writing will say what is wrong
  std::filesystem::create_directories(recipe_.log.directory, ignored);
  events_.write(event);
}

int Supervisor::give_up(const std::string& why) const {
  event({.name = "gave_up", .attempt = number_, .what = why});
  log_error("given up after {}: {}", count_of(number_, "attempt"), why);
  return static_cast<int>(ExitCode::wrong_machine);
}

int Supervisor::stopped(int code) const {
  const int saved = static_cast<int>(ExitCode::stopped_by_signal);
  event({.name = "stopped",
         .attempt = number_,
         .exit_code = code,
         .what = code == saved ? "saved" : "not saved: resuming goes on from the last checkpoint"});
  if (code != saved)
    log_warning("stopped without saving (code {}): resuming goes on from {}", code,
                checkpoint_.empty() ? "the beginning" : checkpoint_);
  return saved;
}

}  // namespace

std::vector<Host> candidates_of(const SupervisorOptions& options) {
  std::vector<Host> all = options.hosts;
  all.insert(all.end(), options.spares.begin(), options.spares.end());
  return without(all, options.excluded);
}

Command first_command(const SupervisorOptions& options) {
  const Index asked = ranks_of(options.hosts);
  (void)read_recipe(options.recipe.file, options.recipe.flags, asked);
  const Placement placement = first_placement(options);
  return start_command(
      options.starter, placement,
      train_arguments(options.recipe, flags_on(options.recipe, asked, placement.ranks)),
      {{attempt_variable, "1"}});
}

int supervise(const SupervisorOptions& options) { return Supervisor(options).run(); }

}  // namespace tokenwerk
