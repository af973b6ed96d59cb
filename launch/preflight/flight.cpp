#include "launch/preflight/flight.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "launch/counted.h"
#include "launch/events.h"
#include "launch/supervisor/attempt.h"
#include "launch/supervisor/host_probe.h"

namespace tokenwerk {
namespace {

constexpr int most_flights = 3;  // a host that hangs ends one

Recipe recipe_of(const SupervisorOptions& run) {
  const Index ranks = ranks_of(run.hosts);
  return resolved(read_recipe(run.recipe.file, run.recipe.flags, ranks), ranks);
}

std::filesystem::path list_of(const Recipe& recipe) {
  return std::filesystem::path(recipe.log.directory) / "exclude.txt";
}

class Flight {
 public:
  Flight(const SupervisorOptions& run, const FlightOptions& flight, const StopSignals& stop)
      : run_(run),
        flight_(flight),
        stop_(stop),
        recipe_(recipe_of(run)),
        list_(list_of(recipe_)),
        events_(recipe_.log.directory),
        hosts_(candidates_of(run)) {
    result_.excluded = run.excluded;
    // What cannot be made or removed, who writes there will tell.
    std::error_code ignored;
    std::filesystem::create_directories(recipe_.log.directory, ignored);
    std::filesystem::create_directories(recipe_.checkpoint.directory.value(), ignored);
    std::filesystem::remove(list_, ignored);  // of a run before
  }

  FlightResult run() {
    const double start = unix_seconds_now();
    const std::size_t given = result_.excluded.size();
    bool measured = false;
    for (int i = 0; i < most_flights && !measured && stop_.count() == 0 && !hosts_.empty(); ++i) {
      leave_out_silent();
      if (hosts_.empty() || stop_.count() > 0) break;
      log_info("pre-flight on {}: {}", count_of(std::ssize(hosts_), "host"), names_of(hosts_));
      const AttemptEnd end = run_attempt(preflight_command(run_, flight_, hosts_),
                                         {.number = 0,
                                          .heartbeat = heartbeat_file(recipe_.log.directory),
                                          .hang_seconds = flight_.seconds,
                                          .grace_seconds = 1,
                                          .first_step = {}},
                                         stop_);
      measured = end.exit_code == 0 && std::filesystem::exists(list_);
      if (measured)
        take_findings();
      else if (stop_.count() == 0 && !leave_out_blamed(end))
        break;
    }
    result_.stopped = stop_.count() > 0;
    if (!result_.stopped) conclude(measured, given, unix_seconds_now() - start);
    return std::move(result_);
  }

 private:
  void leave_out(const Exclusion& one) {
    result_.excluded.push_back(one);
    hosts_ = without(hosts_, {one});
    events_.write({.name = "preflight", .host = one.host, .what = one.reason});
    log_warning("pre-flight: {} is left out: {}", one.host, one.reason);
  }

  void leave_out_silent() {
    const Answers answers = ask_hosts(run_.starter, hosts_, {.stop = stop_});
    if (stop_.count() > 0) return;  // most may not have been asked
    for (const Host& host : answers.silent)
      leave_out({host.name, fmt::format("no answer within {} s", answer_limit.count())});
  }

  /// False where nobody is to blame, or so many that it is no single host's fault.
  bool leave_out_blamed(const AttemptEnd& end) {
    log_warning("the pre-flight {} with code {} after {:.0f} s",
                end.hung ? "took too long and was ended," : "ended", end.exit_code, end.seconds);
    std::vector<Exclusion> blamed;
    for (const Blame& blame : end.blames) {
      const auto is_it = [&](const Host& host) { return same_host(host.name, blame.host); };
      const auto host = std::ranges::find_if(hosts_, is_it);
      if (blame.host.empty() || host == hosts_.end()) continue;
      if (std::ranges::find(blamed, host->name, &Exclusion::host) == blamed.end())
        blamed.push_back({host->name, blame.text});
    }
    if (2 * blamed.size() > hosts_.size()) return false;
    for (const Exclusion& one : blamed) leave_out(one);
    return !blamed.empty() || end.hung;  // whom nobody names may be silent now
  }

  void take_findings() {
    remarks_ = read_remarks(list_);
    for (const Exclusion& one : read_exclusions(list_.string())) {
      const auto is_it = [&](const Host& host) { return same_host(host.name, one.host); };
      const auto host = std::ranges::find_if(hosts_, is_it);
      leave_out({host == hosts_.end() ? one.host : host->name, one.reason});
    }
    for (const std::string& remark : remarks_) {
      events_.write({.name = "preflight", .what = remark});
      log_warning("pre-flight: {}", remark);
    }
  }

  void conclude(bool measured, std::size_t given, double seconds) {
    const std::size_t found = result_.excluded.size() - given;
    const std::string what =
        fmt::format("{} in {:.0f} s, {} left out", measured ? "measured" : "could not be measured",
                    seconds, count_of(static_cast<Index>(found), "host"));
    events_.write({.name = "preflight", .seconds_lost = seconds, .what = what});
    if (measured)
      log_info("pre-flight: {}", what);
    else
      log_warning("pre-flight: {}; the run starts without", what);
    try {
      write_exclusions(list_, result_.excluded, remarks_);
    } catch (const Error& error) {
      log_warning("pre-flight: {}", error.what());
    }
  }

  const SupervisorOptions& run_;
  const FlightOptions& flight_;
  const StopSignals& stop_;
  Recipe recipe_;
  std::filesystem::path list_;
  EventLog events_;
  std::vector<Host> hosts_;  ///< that may still be used
  std::vector<std::string> remarks_;
  FlightResult result_;
};

}  // namespace

Command preflight_command(const SupervisorOptions& run, const FlightOptions& flight,
                          const std::vector<Host>& hosts) {
  const Recipe recipe = recipe_of(run);
  std::vector<std::string> program{run.program, "doctor", "--allocation"};
  const auto add = [&program](const char* name, const auto& value) {
    program.insert(program.end(), {name, fmt::format("{}", value)});
  };
  add("--device", recipe.device.kind);
  add("--folder", recipe.checkpoint.directory.value());
  add("--disk-megabytes", flight.disk_megabytes);
  add("--exclude-file", list_of(recipe).string());
  if (flight.tolerance > 0) add("--tolerance", flight.tolerance);
  // Whoever hangs shall be named before all are ended.
  add("--hang-seconds", flight.seconds / 3);
  return start_command(run.starter, with_threads(placed(hosts, ranks_of(hosts)), run.threads),
                       program, {});
}

FlightResult fly_ahead(const SupervisorOptions& run, const FlightOptions& flight,
                       const StopSignals& stop) {
  return Flight(run, flight, stop).run();
}

}  // namespace tokenwerk
