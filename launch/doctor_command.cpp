#include "launch/doctor_command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "launch/build_info.h"

namespace tokenwerk {

void add_doctor_command(CLI::App& app, const Process& process, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("doctor", "Say what this binary has and what this machine can do");
  command->callback([&process, &exit_code] {
    const BuildInfo build = build_info();
    if (process.first())
      fmt::print("tokenwerk {}, {}, {}\n", build.version, build.type, build.compiler);
    exit_code = 0;
  });
}

}  // namespace tokenwerk
