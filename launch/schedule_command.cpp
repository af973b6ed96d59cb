#include "launch/schedule_command.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "launch/counted.h"
#include "launch/exit_code.h"
#include "launch/layout.h"
#include "launch/nearest.h"
#include "launch/schedule_report.h"
#include "parallel/pipeline/generators.h"

namespace tokenwerk {
namespace {

struct ScheduleArguments {
  std::string name;
  std::optional<int> ranks, microbatches, virtual_stages;
  StageCosts costs;
};

/// What the command line says besides must be what the file says.
PipelineSchedule schedule_from_file(const ScheduleArguments& arguments, const std::string& path) {
  ParsedSchedule parsed = schedule_in_file(path);
  TW_CHECK_AS(ScheduleError, parsed.faults.count() == 0, path.empty() ? "file: " : "",
              joined(parsed.faults.lines(), "\n"));
  const PipelineSchedule& schedule = parsed.schedule;
  const auto agree = [&](const char* flag, const std::optional<int>& given, int found) {
    TW_CHECK_AS(ConfigError, !given || *given == found, flag, " ", given.value_or(0), ": ", path,
                " has ", found);
  };
  agree("--pipeline", arguments.ranks, schedule.ranks());
  agree("--microbatches", arguments.microbatches, schedule.microbatches);
  agree("--virtual-stages", arguments.virtual_stages, schedule.stages() / schedule.ranks());
  return std::move(parsed.schedule);
}

PipelineSchedule schedule_from(const ScheduleArguments& arguments) {
  if (const auto path = path_of_schedule(arguments.name))
    return schedule_from_file(arguments, *path);
  const auto names = schedule_names();
  TW_CHECK_AS(ConfigError, std::ranges::find(names, arguments.name) != names.end(), "'",
              arguments.name, "' is no pipeline schedule; the nearest known one is ",
              nearest(arguments.name, names), ", and file:PATH reads one of your own");
  TW_CHECK_AS(ConfigError, arguments.ranks && arguments.microbatches, arguments.name,
              " needs --pipeline and --microbatches");
  return make_schedule(arguments.name, {.ranks = *arguments.ranks,
                                        .microbatches = *arguments.microbatches,
                                        .virtual_stages = arguments.virtual_stages.value_or(0)});
}

/// Columns of the terminal, or of a page where the output is none.
int output_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 40) return size.ws_col;
  return 100;
}

void run_schedule(ScheduleArguments arguments) {
  StageCosts& costs = arguments.costs;
  TW_CHECK_AS(ConfigError,
              costs.forward > 0.0 || costs.backward_input > 0.0 || costs.backward_weight > 0.0,
              "--forward-cost, --backward-input-cost and --backward-weight-cost are 0: give one of "
              "them a time above 0, as 1");
  costs.backward = costs.backward_input + costs.backward_weight;
  const PipelineSchedule schedule = schedule_from(arguments);
  const ScheduleReport report = validate(schedule);
  const FaultList faults(report.faults);
  TW_CHECK_AS(ScheduleError, faults.count() == 0, faults.count(), " fault(s) in ", schedule.name,
              ":\n", joined(faults.lines(), "\n"));
  fmt::print("{}", schedule_report(schedule, report, costs, output_columns()));
}

void add_costs(CLI::App& command, StageCosts& costs) {
  // A range refuses no "nan": it compares false with both ends.
  const CLI::Validator is_time(
      [](const std::string& text) {
        const auto time = number_of<double>(text);
        return time && *time >= 0.0 && *time <= 1e9 ? "" : text + " is no time from 0 to 1e9";
      },
      "");
  const auto add = [&](const char* flag, double& cost, const char* what) {
    command.add_option(flag, cost, what)->type_name("TIME")->check(is_time)->capture_default_str();
  };
  add("--forward-cost", costs.forward, "Time of a stage's forward, in any unit");
  add("--backward-input-cost", costs.backward_input, "Of its input gradient");
  add("--backward-weight-cost", costs.backward_weight, "Of its weight gradients");
}

}  // namespace

void add_schedule_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ScheduleArguments>();
  CLI::App* command =
      app.add_subcommand("schedule", "Show a pipeline schedule, its bubble and its memory");
  command
      ->add_option("NAME", arguments->name,
                   "gpipe, 1f1b, interleaved, zb-h1, zb-v, or file:PATH for one of your own")
      ->required()
      ->type_name("");
  const CLI::Validator is_count(
      [](const std::string& text) {
        return number_of<int>(text) ? "" : text + " is no number from 1 to 2147483647";
      },
      "");
  const auto add = [&](const char* flag, std::optional<int>& number, const char* what) {
    command->add_option(flag, number, what)->type_name("INTEGER")->check(is_count);
  };
  add("--pipeline", arguments->ranks, "Pipeline ranks");
  add("--microbatches", arguments->microbatches, "Micro-batches of a step");
  add("--virtual-stages", arguments->virtual_stages,
      "Stages on each rank (default: 2 for interleaved and zb-v, else 1)");
  add_costs(*command, arguments->costs);
  command->callback([arguments, &exit_code] {
    run_schedule(*arguments);
    exit_code = static_cast<int>(ExitCode::done);
  });
}

}  // namespace tokenwerk
