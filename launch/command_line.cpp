#include "launch/command_line.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "core/log.h"
#include "launch/build_info.h"
#include "launch/checkpoint_command.h"
#include "launch/doctor_command.h"
#include "launch/evaluate_command.h"
#include "launch/exit_code.h"
#include "launch/generate_command.h"
#include "launch/launch_command.h"
#include "launch/nearest.h"
#include "launch/prepare_command.h"
#include "launch/schedule_command.h"
#include "launch/train_command.h"
#include "parallel/comm/program.h"

namespace tokenwerk {
namespace {

constexpr std::size_t column_width = 36;

/// What is wrong with the command line, with the nearest command for one that does not exist.
std::string usage_fault(const CLI::App& app, const CLI::ParseError& error,
                        std::string_view command) {
  std::vector<std::string> names;
  for (const CLI::App* known : app.get_subcommands({})) names.push_back(known->get_name());
  const bool known = std::ranges::find(names, command) != names.end();
  if (command.empty() || command.starts_with('-') || known) return error.what();
  return fmt::format("unknown command {}; the nearest known one is {}", command,
                     nearest(command, {names.begin(), names.end()}));
}

/// Errors of the parser itself: the same on all ranks, so the first one speaks.
int report_usage(const CLI::App& app, const CLI::ParseError& error, std::string_view command,
                 MpiEnvironment& environment) {
  const bool first = environment.rank() == 0;
  const bool asked = error.get_exit_code() == 0;  // --help or --version
  if (first && asked) app.exit(error);
  if (first && !asked) {
    fmt::print(stderr, "tokenwerk: {}\nMore with: tokenwerk [COMMAND] --help\n",
               usage_fault(app, error, command));
  }
  return static_cast<int>(asked ? ExitCode::done : ExitCode::wrong_recipe);
}

int report(const std::exception& error, MpiEnvironment& environment) {
  const int code = static_cast<int>(exit_code_of(error));
  const bool shared = dynamic_cast<const SharedError*>(&error) != nullptr;
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  if (!shared || environment.rank() == 0) {
    const std::string what = memory ? "out of memory" : error.what();
    const std::string text = shared ? what : error_text(environment, what);
    fmt::print(stderr, "{}\n", text);
    log_to_file(LogLevel::error, text);
  }
  std::fflush(nullptr);
  // A rank that leaves quietly hangs the others, unless they leave for the same reason.
  if (!shared && environment.size() > 1) environment.abort_all(code);
  return code;
}

/// Refuses a launcher for a command whose work one process does.
void keep_to_one_rank(CLI::App& command, MpiEnvironment& environment) {
  command.preparse_callback([&command, &environment](std::size_t) {
    if (environment.size() == 1) return;
    throw SharedError(ExitCode::wrong_recipe,
                      fmt::format("{} runs on one rank, not on {}: start it without mpirun",
                                  command.get_name(), environment.size()));
  });
}

/// What was printed must have arrived: a full disk behind a pipe is no success.
void check_output() {
  TW_CHECK_AS(DeviceError, std::fflush(stdout) == 0 && std::ferror(stdout) == 0,
              "standard output cannot be written: ", std::strerror(errno));
}

}  // namespace

std::unique_ptr<CLI::App> make_command_line(MpiEnvironment& environment, int& exit_code) {
  auto app =
      std::make_unique<CLI::App>("Trains transformer language models in parallel.", "tokenwerk");
  app->set_version_flag("--version", "tokenwerk " + build_info().version, "Print the version");
  app->require_subcommand(1);
  app->get_formatter()->column_width(column_width);
  add_prepare_command(*app, exit_code);
  add_train_command(*app, environment, exit_code);
  add_launch_command(*app, exit_code);
  add_evaluate_command(*app, environment, exit_code);
  add_generate_command(*app, exit_code);
  add_checkpoint_command(*app, exit_code);
  add_schedule_command(*app, exit_code);
  add_doctor_command(*app, environment, exit_code);
  for (const char* name : {"prepare", "launch", "generate", "checkpoint", "schedule"})
    keep_to_one_rank(*app->get_subcommand(name), environment);
  return app;
}

int run_command_line(int argc, const char* const* argv, MpiEnvironment& environment) {
  int exit_code = static_cast<int>(ExitCode::done);
  const auto app = make_command_line(environment, exit_code);
  try {
    app->parse(argc, argv);
    check_output();
  } catch (const CLI::ParseError& error) {
    return report_usage(*app, error, argc > 1 ? argv[1] : "", environment);
  } catch (const std::exception& error) {
    return report(error, environment);
  }
  return exit_code;
}

}  // namespace tokenwerk
