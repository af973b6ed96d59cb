#include "launch/doctor_command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "launch/build_info.h"
#include "parallel/comm/environment.h"

namespace tokenwerk {

void add_doctor_command(CLI::App& app, MpiEnvironment& environment, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("doctor", "Say what this binary has and what this machine can do");
  command->callback([&environment, &exit_code] {
    const BuildInfo build = build_info();
    if (environment.rank() == 0)
      fmt::print("tokenwerk {}, {}, {}\n", build.version, build.type, build.compiler);
    exit_code = 0;
  });
}

}  // namespace tokenwerk
