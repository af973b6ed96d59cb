#include "launch/supervisor/supervisor.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "core/data/files.h"
#include "core/log.h"
#include "core/seconds.h"
#include "launch/counted.h"
#include "launch/events.h"
#include "launch/exit_code.h"
#include "launch/supervisor/attempt.h"
#include "launch/supervisor/end_event.h"
#include "launch/supervisor/host_choice.h"
#include "launch/supervisor/saved_progress.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double longest_pause = 60;  // seconds between two attempts
constexpr Index largest_recipe = Index{1} << 24;

std::vector<std::string> train_arguments(const std::string& program, const RecipeSource& recipe,
                                         const std::vector<RecipeFlag>& flags) {
  std::vector<std::string> out{program, "train", recipe.file};
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
  Supervisor(const SupervisorOptions& options, const StopSignals& stop);
  [[nodiscard]] int run();

 private:
  [[nodiscard]] AttemptEnd attempt();
  [[nodiscard]] double lost_seconds(const AttemptEnd& end) const;
  void record_death(const AttemptEnd& end);
  void record_recovery();
  void count_failures(const AttemptEnd& end);
  void pause(double seconds) const;
  /// The recipe as it was read first, for all that follows: the user's file may change.
  void keep_recipe();
  /// False where too few hosts answer, after `until` also where none has for long.
  [[nodiscard]] bool place_again(Clock::time_point until);
  /// Asks again and again: a switch that starts anew takes minutes.
  [[nodiscard]] bool wait_for_hosts();
  [[nodiscard]] std::vector<RecipeFlag> flags() const;
  void event(const RunEvent& event) const;
  [[nodiscard]] int give_up(const std::string& why) const;
  [[nodiscard]] int stopped(const AttemptEnd& end);
  [[nodiscard]] int ended_for_good(const AttemptEnd& end) const;

  const SupervisorOptions& options_;
  const StopSignals& stop_;
  RecipeSource source_;
  Recipe recipe_;            ///< as resolved
  std::string recipe_text_;  ///< of the user's file, as first read
  Index asked_;              ///< ranks
  Placement placement_;
  HostChoice hosts_;
  EventLog events_;
  Index number_ = 0;   ///< of the attempt
  Index in_vain_ = 0;  ///< attempts in a row without a new checkpoint
  SavedProgress saved_;
  std::optional<double> died_at_;  ///< unix time
};

Supervisor::Supervisor(const SupervisorOptions& options, const StopSignals& stop)
    : options_(options),
      stop_(stop),
      source_(options.recipe),
      recipe_(
          resolved(read_recipe(options.recipe.file, options.recipe.flags, ranks_of(options.hosts)),
                   ranks_of(options.hosts))),
      recipe_text_(read_small_file(source_.file, largest_recipe)),
      asked_(ranks_of(options.hosts)),
      placement_(first_placement(options)),
      hosts_(options),
      events_(recipe_.log.directory),
      saved_(recipe_.checkpoint.directory.value()) {
  if (options.excluded.empty()) return;
  const std::string what = capacity_text(placement_, asked_);
  event({.name = "preflight", .ranks = placement_.ranks, .what = what});
  log_info("starting on {}: {}", names_of(placement_.hosts), what);
}

int Supervisor::run() {
  for (;;) {
    const AttemptEnd end = attempt();
    const int code = end.exit_code;
    if (end.done) {  // whatever its end looked like: a rank that it woke up may have come to it
      if (end.hung) record_death(end);
      return static_cast<int>(ExitCode::done);
    }
    const bool saved = code == static_cast<int>(ExitCode::stopped_by_signal);
    // mpirun that is stopped before it has started a rank ends with 0.
    if (end.stopped && (saved || !end.last || !is_final(code, number_))) return stopped(end);
    if (is_final(code, number_)) return ended_for_good(end);
    keep_recipe();
    record_death(end);
    count_failures(end);
    if (in_vain_ > options_.restarts) {
      return give_up(fmt::format("{} brought no new checkpoint", count_of(in_vain_, "attempt")));
    }
    const double seconds = static_cast<double>(Index{1} << std::clamp<Index>(in_vain_ - 1, 0, 6));
    log_info("the run restarts in {:.0f} s from {}", std::min(longest_pause, seconds),
             saved_.from());
    pause(seconds);
    const bool placed = wait_for_hosts();
    if (stop_.count() > 0) return stopped(end);
    if (!placed) return give_up("too few hosts are left for one replica of the model");
  }
}

AttemptEnd Supervisor::attempt() {
  ++number_;
  const Command command = start_command(options_.starter, placement_,
                                        train_arguments(options_.program, source_, flags()),
                                        {{attempt_variable, std::to_string(number_)}});
  try {
    return run_attempt(command,
                       {.number = number_,
                        .heartbeat = heartbeat_file(recipe_.log.directory),
                        .hang_seconds = options_.hang_seconds,
                        .grace_seconds = options_.grace_seconds,
                        .first_step = [this] { record_recovery(); }},
                       stop_);
  } catch (const DeviceError& error) {  // too many processes, a folder of programs that is away
    if (number_ == 1) throw;
    log_warning("{}", error.what());
    AttemptEnd end;
    end.exit_code = static_cast<int>(ExitCode::wrong_machine);
    end.blames = {{error.what(), "", std::nullopt}};
    return end;
  }
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
  std::vector<RecipeFlag> flags = flags_on(source_, asked_, placement_.ranks);
  // Before the first checkpoint a restart begins as the first attempt did.
  if (number_ > 1 && saved_.any()) flags.push_back({"checkpoint.resume", "latest"});
  return flags;
}

/// Since what is saved, and in a hang at least the silence: ranks that its end wakes up may save.
double Supervisor::lost_seconds(const AttemptEnd& end) const {
  const double silent = end.hung ? end.silent_seconds : 0.0;
  return std::min(std::max(saved_.seconds_since_saved(), silent), end.seconds);
}

void Supervisor::record_death(const AttemptEnd& end) {
  died_at_ = unix_seconds_now();
  RunEvent death = death_of(end, placement_, number_);
  death.seconds_lost = lost_seconds(end);
  event(death);
  log_warning("attempt {} {} with code {} after {:.0f} s{}", number_,
              end.hung ? "hung and was killed," : "ended", end.exit_code, end.seconds,
              end.last ? fmt::format(", at step {}", end.last->step) : "");
}

void Supervisor::count_failures(const AttemptEnd& end) {
  const std::optional<LocalMarker> local = saved_.local();
  in_vain_ = saved_.look() ? 0 : in_vain_ + 1;
  if (saved_.local() && saved_.local() != local) hosts_.keep_local(placement_.hosts);
  hosts_.count(end.blames);
}

void Supervisor::pause(double seconds) const {
  const auto end = Clock::now() + std::chrono::duration<double>(std::min(longest_pause, seconds));
  while (stop_.count() == 0 && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

void Supervisor::keep_recipe() {
  const auto copy = std::filesystem::path(recipe_.log.directory) / "launched.toml";
  if (source_.file == copy) return;
  std::error_code ignored;  // writing says what is wrong
  std::filesystem::create_directories(copy.parent_path(), ignored);
  try {
    AsideFile file(copy.string());
    file.write(recipe_text_);
    file.publish();
    source_.file = copy.string();
  } catch (const Error& error) {
    log_warning("{}: restarts read {} again", error.what(), source_.file);
  }
}

bool Supervisor::place_again(Clock::time_point until) {
  std::optional<HostChoice::Next> next;
  try {
    next = hosts_.next(source_, [&](const std::vector<Host>& hosts) {
      return ask_hosts(options_.starter, hosts, {.stop = stop_, .until = until});
    });
  } catch (const Error& error) {  // of the recipe's file, or too many processes
    log_warning("{}", error.what());
  }
  if (!next || stop_.count() > 0) return false;
  if (!next->excluded.empty())
    event(
        {.name = "excluded", .host = names_of(next->excluded), .what = "silent, or failed again"});
  placement_ = next->placement;
  const std::string what = capacity_text(placement_, asked_);
  event({.name = "restart", .attempt = number_ + 1, .ranks = placement_.ranks, .what = what});
  log_info("attempt {} on {}: {}", number_ + 1, names_of(placement_.hosts), what);
  return true;
}

bool Supervisor::wait_for_hosts() {
  const auto start = Clock::now();
  const std::chrono::duration<double> outage(options_.outage_seconds);
  const auto until = start + std::chrono::duration_cast<Clock::duration>(outage);
  for (double seconds = 1; stop_.count() == 0; seconds *= 2) {
    if (place_again(until)) return true;
    const double waited = seconds_since(start);
    if (stop_.count() > 0 || waited > options_.outage_seconds) return false;
    log_warning(
        "too few hosts answer for one replica of the model, since {:.0f} s; given up after {:.0f}",
        waited, options_.outage_seconds);
    pause(seconds);
  }
  return false;
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

int Supervisor::stopped(const AttemptEnd& end) {
  const int saved = static_cast<int>(ExitCode::stopped_by_signal);
  (void)saved_.look();
  const bool is_saved = end.exit_code == saved || (end.last && saved_.step() >= end.last->step);
  const std::string what =
      is_saved ? "saved" : "not known to be saved: resuming goes on from " + saved_.from();
  event({.name = "stopped", .attempt = number_, .exit_code = end.exit_code, .what = what});
  if (!is_saved) log_warning("stopped with code {}, {}", end.exit_code, what);
  return saved;
}

/// Of a run that never began, its error is all there is to say.
int Supervisor::ended_for_good(const AttemptEnd& end) const {
  const bool is_fault = end.exit_code == static_cast<int>(ExitCode::wrong_data) ||
                        end.exit_code == static_cast<int>(ExitCode::wrong_recipe);
  if (is_fault && (number_ > 1 || end.last)) event(final_end_of(end, number_));
  return end.exit_code;
}

}  // namespace

Command first_command(const SupervisorOptions& options) {
  const Index asked = ranks_of(options.hosts);
  (void)read_recipe(options.recipe.file, options.recipe.flags, asked, DataFiles::anywhere);
  const Placement placement = first_placement(options);
  return start_command(options.starter, placement,
                       train_arguments(options.program, options.recipe,
                                       flags_on(options.recipe, asked, placement.ranks)),
                       {{attempt_variable, "1"}});
}

int supervise(const SupervisorOptions& options, const StopSignals& stop) {
  return Supervisor(options, stop).run();
}

}  // namespace tokenwerk
