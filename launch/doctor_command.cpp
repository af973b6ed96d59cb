#include "launch/doctor_command.h"
#include "launch/cli_checks.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "core/data/files.h"
#include "launch/device_option.h"
#include "launch/doctor.h"
#include "launch/exit_code.h"
#include "launch/preflight/allocation.h"
#include "launch/run_device.h"

namespace tokenwerk {
namespace {

struct DoctorArguments {
  DoctorOptions machine;
  bool allocation = false;
  std::string device = "cpu", exclude_file;
  double tolerance = 0, hang_seconds = 120;
  std::vector<std::string> injections;
};

void add_allocation_options(CLI::App& command, DoctorArguments& doctor) {
  CLI::Option* flag = command.add_flag(
      "--allocation", doctor.allocation,
      "Measure all hosts and the links between them, and name\nwhat is slower than its like");
  const auto add = [&](const char* name, auto& value, const char* help, const char* type) {
    return command.add_option(name, value, help)->type_name(type)->needs(flag);
  };
  add("--exclude-file", doctor.exclude_file, "Write the slow hosts there, for launch --exclude",
      "FILE");
  add("--tolerance", doctor.tolerance,
      "Percent below the median that are too slow\n(default: 10 for compute, 20 for links, more "
      "for disks)",
      "NUMBER")
      ->check(number_from(1, 99));
  add_device_option(command, doctor.device);
  command.get_option("--device")->needs(flag);
  add("--hang-seconds", doctor.hang_seconds,
      "Longest time that a rank waits for others: longer\nis a hang, and the others are named",
      "NUMBER")
      ->check(number_from(1))
      ->capture_default_str();
  add("--inject", doctor.injections,
      "Break something on purpose, for tests: slow:rank=1,\nseconds=0.2 (a step is a pass; "
      "launch/supervisor/README.md)",
      "FAULT")
      ->take_all();
}

int examine(MpiEnvironment& environment, const DoctorArguments& doctor) {
  AllocationOptions options;
  options.device = device_kind(doctor.device);
  options.folder = doctor.machine.folder;
  options.disk_megabytes = doctor.machine.disk_megabytes;
  if (doctor.tolerance > 0) options.tolerance = doctor.tolerance / 100;
  options.injections = read_injections(doctor.injections);
  const bool writes = environment.rank() == 0 && !doctor.exclude_file.empty();
  if (writes) (void)AsideFile(doctor.exclude_file);  // before anything is measured
  environment.watch(doctor.hang_seconds);
  const AllocationFindings findings = examined_allocation(environment, options);
  if (environment.rank() == 0) fmt::print("{}", report_of(findings));
  if (writes) write_exclusions(doctor.exclude_file, findings.exclusions, remarks_of(findings));
  return static_cast<int>(ExitCode::done);
}

}  // namespace

void add_doctor_command(CLI::App& app, MpiEnvironment& environment, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("doctor", "Say what this binary has and what this machine can do");
  const auto doctor = std::make_shared<DoctorArguments>();
  command->add_option("--folder", doctor->machine.folder, "Folder on the disk to measure")
      ->type_name("PATH")
      ->default_str(".");
  command
      ->add_option("--disk-megabytes", doctor->machine.disk_megabytes,
                   "How much to write there; 0: leave the disk alone")
      ->type_name("INTEGER")
      ->check(CLI::Range(Index{0}, Index{1'000'000}).description(""))
      ->capture_default_str();
  add_allocation_options(*command, *doctor);
  command->callback([doctor, &environment, &exit_code] {
    if (doctor->allocation) {
      exit_code = examine(environment, *doctor);
      return;
    }
    const std::string report = doctor_report(environment, doctor->machine);
    if (environment.rank() == 0) fmt::print("{}", report);
    exit_code = static_cast<int>(ExitCode::done);
  });
}

}  // namespace tokenwerk
