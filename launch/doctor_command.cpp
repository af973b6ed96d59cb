#include "launch/doctor_command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "launch/doctor.h"
#include "launch/exit_code.h"

namespace tokenwerk {

void add_doctor_command(CLI::App& app, MpiEnvironment& environment, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("doctor", "Say what this binary has and what this machine can do");
  const auto options = std::make_shared<DoctorOptions>();
  command->add_option("--folder", options->folder, "Folder on the disk to measure")
      ->type_name("PATH")
      ->default_str(".");
  command
      ->add_option("--disk-megabytes", options->disk_megabytes,
                   "How much to write there; 0: leave the disk alone")
      ->type_name("INTEGER")
      ->check(CLI::Range(Index{0}, Index{1'000'000}).description(""))
      ->capture_default_str();
  command->callback([options, &environment, &exit_code] {
    const std::string report = doctor_report(environment, *options);
    if (environment.rank() == 0) fmt::print("{}", report);
    exit_code = static_cast<int>(ExitCode::done);
  });
}

}  // namespace tokenwerk
