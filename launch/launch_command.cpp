#include "launch/launch_command.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/log.h"
#include "launch/cli_checks.h"
#include "launch/counted.h"
#include "launch/exit_code.h"
#include "launch/faults.h"
#include "launch/injection.h"
#include "launch/preflight/flight.h"
#include "launch/recipe_options.h"
#include "launch/supervisor/child_process.h"
#include "launch/supervisor/host_list.h"
#include "launch/supervisor/slurm_script.h"
#include "launch/supervisor/supervisor.h"

namespace tokenwerk {
namespace {

struct LaunchArguments {
  std::shared_ptr<RecipeArguments> recipe;
  std::string hosts, spares, exclude, starter = "mpirun";
  Index ranks_per_host = 1, threads = 0, restarts = 5, nodes = 0;
  double hang_seconds = 900, grace_seconds = 120, outage_seconds = 900;
  bool slurm = false, dry_run = false, preflight = false;
  FlightOptions flight;
  std::vector<std::string> slurm_options;
};

void add_preflight_options(CLI::App& command, LaunchArguments& launch) {
  CLI::Option* flag = command.add_flag(
      "--preflight", launch.preflight,
      "First measure all hosts, spares and links, and leave\nout what is slow, hangs or is silent");
  command.add_option("--preflight-seconds", launch.flight.seconds, "Longest time for that")
      ->type_name("NUMBER")
      ->check(number_from(10))
      ->needs(flag)
      ->capture_default_str();
  command
      .add_option("--preflight-tolerance", launch.flight.tolerance,
                  "Percent below the median that are too slow\n(default: as doctor)")
      ->type_name("NUMBER")
      ->check(number_from(1, 99))
      ->needs(flag);
}

template <typename T>
CLI::Option* add(CLI::App& command, const char* name, T& value, const char* help,
                 const char* type) {
  return command.add_option(name, value, help)->type_name(type)->capture_default_str();
}

void add_slurm_options(CLI::App& command, LaunchArguments& launch) {
  command.add_flag("--slurm", launch.slurm, "Write a batch script of this run and submit it");
  add(command, "--nodes", launch.nodes, "With --slurm: hosts", "INTEGER")->check(number_from(1));
  add(command, "--sbatch", launch.slurm_options,
      "With --slurm: an option of sbatch, --sbatch=--time=24:00:00", "TEXT")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.starts_with("-") ? "" : text + " is no option, as --time=24:00:00";
          },
          ""))
      ->take_all();
}

void add_options(CLI::App& command, LaunchArguments& launch) {
  add(command, "--hosts", launch.hosts,
      "Hosts: n1,n2:4, n[1-8] or a file with one a line\n(default: those of the Slurm job, or this "
      "machine)",
      "FILE|LIST")
      ->check(not_empty());
  add(command, "--ranks-per-host", launch.ranks_per_host, "Ranks on each host: one for each GPU",
      "INTEGER")
      ->check(number_from(1));
  add(command, "--spares", launch.spares, "Hosts that take the places of failed ones", "FILE|LIST")
      ->check(not_empty());
  add(command, "--exclude", launch.exclude,
      "Hosts to leave out: what a pre-flight has found, or\nn3,n7. Spares take their places, or "
      "fewer ranks start",
      "FILE|LIST")
      ->check(not_empty());
  add_preflight_options(command, launch);
  add(command, "--threads-per-rank", launch.threads,
      "Threads of a rank, each on a core of its own\n(0: the cores of a host divided by its ranks)",
      "INTEGER")
      ->check(number_from(0, 4096));
  add(command, "--starter", launch.starter, "What starts the ranks; srun within a Slurm job",
      "mpirun|srun")
      ->check(CLI::IsMember({"mpirun", "srun"}).description(""));
  add(command, "--restarts", launch.restarts, "Restarts in a row that bring no new checkpoint",
      "INTEGER")
      ->check(number_from(0));
  add(command, "--hang-seconds", launch.hang_seconds,
      "Longest start, step, validation or save: what takes\nlonger is a hang, killed and restarted",
      "NUMBER")
      ->check(number_from(1));
  add(command, "--grace-seconds", launch.grace_seconds,
      "Longest time for saving when asked to stop", "NUMBER")
      ->check(number_from(1));
  add(command, "--outage-seconds", launch.outage_seconds,
      "Longest time to wait for hosts where too few answer", "NUMBER")
      ->check(number_from(0));
  add_slurm_options(command, launch);
  command.add_flag("--dry-run", launch.dry_run, "Print what would run, and run nothing");
}

/// A list may be older than the allocation, and a name may be misspelt.
void warn_of_strangers(const SupervisorOptions& options) {
  std::vector<Host> all = options.hosts;
  all.insert(all.end(), options.spares.begin(), options.spares.end());
  for (const Exclusion& one : strangers(options.excluded, all))
    log_warning("--exclude {}: no host or spare of this run is called so", one.host);
}

void check_spares(const SupervisorOptions& options) {
  Faults faults;
  for (const Host& spare : options.spares) {
    const auto same = [&](const Host& host) { return same_host(host.name, spare.name); };
    if (std::ranges::any_of(options.hosts, same))
      faults.add("--spares", "", fmt::format("{} is one of --hosts already", spare.name));
  }
  faults.raise("hosts");
}

/// How many threads a rank has is taken from this machine, which may be another kind.
void warn_of_threads(const SupervisorOptions& options) {
  const auto is_here = [](const Host& host) { return same_host(host.name, own_host_name()); };
  if (options.threads > 0 || std::ranges::any_of(options.hosts, is_here)) return;
  const Placement placement = with_threads(placed(options.hosts, ranks_of(options.hosts)), 0);
  log_warning("{} a rank, as if each host had {} like this machine: --threads-per-rank for others",
              count_of(placement.threads, "thread"), count_of(placement.cores, "core"));
}

SupervisorOptions supervisor_options(const LaunchArguments& launch) {
  SupervisorOptions options;
  options.recipe = {launch.recipe->file, launch.recipe->flags, launch.recipe->injections};
  options.hosts = launch.hosts.empty() ? hosts_of_slurm_job(launch.ranks_per_host)
                                       : read_hosts("--hosts", launch.hosts, launch.ranks_per_host);
  if (options.hosts.empty()) options.hosts = {{own_host_name(), launch.ranks_per_host}};
  if (!launch.spares.empty())
    options.spares = read_hosts("--spares", launch.spares, launch.ranks_per_host);
  check_spares(options);
  check_injected_ranks(read_injections(launch.recipe->injections), ranks_of(options.hosts));
  if (!launch.exclude.empty()) options.excluded = read_exclusions(launch.exclude);
  warn_of_strangers(options);
  options.starter = launch.starter == "srun" ? Starter::srun : Starter::mpirun;
  TW_CHECK_AS(ConfigError,
              options.starter == Starter::mpirun || std::getenv("SLURM_JOB_ID") != nullptr,
              "--starter srun works within a Slurm job; launch --slurm submits one");
  options.threads = launch.threads;
  options.restarts = launch.restarts;
  options.hang_seconds = launch.hang_seconds;
  options.grace_seconds = launch.grace_seconds;
  options.outage_seconds = launch.outage_seconds;
  warn_of_threads(options);
  return options;
}

/// The command that runs within the job: the same, on the job's hosts, from the newest checkpoint,
/// since a job may run again.
std::vector<std::string> command_in_job(const LaunchArguments& launch) {
  std::vector<std::string> out{own_program(), "launch", launch.recipe->file};
  const auto add = [&out](const char* name, const auto& value) {
    out.insert(out.end(), {name, fmt::format("{}", value)});
  };
  add("--ranks-per-host", launch.ranks_per_host);
  add("--starter", launch.starter);
  if (launch.threads > 0) add("--threads-per-rank", launch.threads);
  if (launch.preflight) {
    out.emplace_back("--preflight");
    add("--preflight-seconds", launch.flight.seconds);
    if (launch.flight.tolerance > 0) add("--preflight-tolerance", launch.flight.tolerance);
  }
  add("--restarts", launch.restarts);
  add("--hang-seconds", launch.hang_seconds);
  add("--grace-seconds", launch.grace_seconds);
  add("--outage-seconds", launch.outage_seconds);
  bool resumes = false;
  for (const RecipeFlag& flag : launch.recipe->flags) {
    out.insert(out.end(), {"--" + flag.key, flag.value});
    resumes = resumes || flag.key == "checkpoint.resume";
  }
  if (!resumes) out.insert(out.end(), {"--checkpoint.resume", "latest"});
  for (const std::string& fault : launch.recipe->injections)
    out.insert(out.end(), {"--inject", fault});
  return out;
}

/// The batch script for a recipe that is legal on the job's ranks.
std::string script_of(const LaunchArguments& launch, const Recipe& recipe) {
  std::vector<std::string> options = launch.slurm_options;
  std::string excluded;
  if (!launch.exclude.empty())
    for (const Exclusion& one : read_exclusions(launch.exclude))
      excluded += (excluded.empty() ? "--exclude=" : ",") + one.host;
  // Slurm then gives others in their place.
  if (!excluded.empty()) options.push_back(excluded);
  return slurm_script({.nodes = launch.nodes,
                       .ranks_per_node = launch.ranks_per_host,
                       .threads = launch.threads,
                       .gpus = recipe.device.kind == "cuda",
                       .grace_seconds = launch.grace_seconds,
                       .output = recipe.log.directory + "/slurm-%j.out",
                       .options = options,
                       .command = command_in_job(launch)});
}

int submit(const LaunchArguments& launch) {
  TW_CHECK_AS(ConfigError, launch.nodes > 0, "--slurm needs the number of hosts: --nodes N");
  TW_CHECK_AS(ConfigError, launch.hosts.empty() && launch.spares.empty(),
              "--slurm: Slurm chooses the hosts; --sbatch=--nodelist=n1,n2 names some");
  const Index ranks = launch.nodes * launch.ranks_per_host;
  const Recipe recipe = read_recipe(launch.recipe->file, launch.recipe->flags, ranks,
                                    launch.dry_run ? DataFiles::anywhere : DataFiles::here);
  check_injected_ranks(read_injections(launch.recipe->injections), ranks);
  const std::string script = script_of(launch, recipe);
  const auto file = std::filesystem::path(recipe.log.directory) / "job.sbatch";
  const Command submission{{"sbatch", file.string()}, {}};
  if (launch.dry_run) {
    fmt::print("# {}, submitted with: {}\n{}", file.string(), submission.text(), script);
    return static_cast<int>(ExitCode::done);
  }
  std::error_code fault;
  std::filesystem::create_directories(file.parent_path(), fault);
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream << script;
  stream.close();
  TW_CHECK_AS(DeviceError, stream.good(), file.string(), ": cannot be written");
  ChildProcess child(submission.arguments, {});
  for (;;) {
    if (const auto code = child.wait(std::chrono::milliseconds(100))) {
      TW_CHECK_AS(DeviceError, *code == 0, "sbatch refused ", file.string(), " with code ", *code);
      return static_cast<int>(ExitCode::done);
    }
  }
}

/// mpirun would say so at every attempt.
void check_root() {
  if (geteuid() != 0) return;
  for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"}) {
    TW_CHECK_AS(ConfigError, std::getenv(name) != nullptr,
                "mpirun starts nothing for root: be another user, or set OMPI_ALLOW_RUN_AS_ROOT=1 "
                "and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1");
  }
}

int launch_run(const LaunchArguments& launch) {
  if (launch.slurm) return submit(launch);
  TW_CHECK_AS(ConfigError, launch.nodes == 0 && launch.slurm_options.empty(),
              "--nodes and --sbatch are for --slurm");
  SupervisorOptions options = supervisor_options(launch);
  if (launch.dry_run) {
    if (launch.preflight)
      fmt::print("{}\n", preflight_command(options, launch.flight, candidates_of(options)).text());
    fmt::print("{}\n", first_command(options).text());
    return static_cast<int>(ExitCode::done);
  }
  if (options.starter == Starter::mpirun) check_root();
  const StopSignals stop;
  if (launch.preflight) {
    const FlightResult result = fly_ahead(options, launch.flight, stop);
    if (result.stopped) return static_cast<int>(ExitCode::stopped_by_signal);
    options.excluded = result.excluded;
  }
  return supervise(options, stop);
}

}  // namespace

void add_launch_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "launch", "Start the ranks of a run on hosts or as a Slurm job, and keep it alive");
  const auto launch = std::make_shared<LaunchArguments>();
  add_options(*command, *launch);
  launch->recipe = add_recipe_options(*command);
  command->callback([launch, &exit_code] { exit_code = launch_run(*launch); });
}

}  // namespace tokenwerk
