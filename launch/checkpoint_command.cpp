#include "launch/checkpoint_command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "launch/checkpoint_diff.h"
#include "launch/exit_code.h"
#include "parallel/checkpoint/checkpoint.h"

namespace tokenwerk {
namespace {

void print_state(const std::string& state_json) {
  const auto state = nlohmann::ordered_json::parse(state_json);
  for (const auto& [key, value] : state.items()) {
    if (key == "bad_steps") {
      for (const auto& bad : value) fmt::print("  {:<12} {}\n", "bad step", bad.dump());
      continue;
    }
    std::string text = value.dump();  // a recipe is long: its beginning says which it is
    if (text.size() > 100) text = text.substr(0, 97) + "...";
    fmt::print("  {:<12} {}\n", key, text);
  }
}

void print_arrays(const std::vector<ArraySummary>& arrays) {
  std::size_t width = 4;
  for (const ArraySummary& array : arrays) width = std::max(width, array.name.size());
  fmt::print("  {:<{}}  {:<5} {:>22} {:>15} {:>6}\n", "name", width, "dtype", "shape", "bytes",
             "parts");
  for (const ArraySummary& array : arrays)
    fmt::print("  {:<{}}  {:<5} {:>22} {:>15} {:>6}\n", array.name, width, name_of(array.dtype),
               array.shape.text(),
               static_cast<std::size_t>(array.shape.count()) * size_of(array.dtype), array.parts);
}

void inspect(const std::string& path) {
  const CheckpointSummary summary = inspect_checkpoint(resolve_checkpoint(path));
  fmt::print("{}\nstep {}, {} parameters, {} arrays, {} bytes in {} files\n",
             summary.folder.string(), summary.step, summary.parameters, summary.arrays.size(),
             summary.bytes, summary.files.size());
  fmt::print("\nstate\n");
  print_state(summary.state_json);
  fmt::print("\narrays\n");
  print_arrays(summary.arrays);
  fmt::print("\nfiles\n");
  for (const FileSummary& file : summary.files)
    fmt::print("  {:<16} {:>15} bytes\n", file.name, file.bytes);
}

void verify(const std::string& path, int& exit_code) {
  const auto folders = list_checkpoints(path);
  TW_CHECK_AS(CheckpointError, !folders.empty(), path, ": no checkpoint there");
  for (const auto& folder : folders) {
    const std::vector<CheckpointFault> faults = verify_checkpoint(folder);
    for (const CheckpointFault& fault : faults) fmt::print("{}: {}\n", fault.file, fault.what);
    fmt::print("{}: {}\n", folder.string(), faults.empty() ? "good" : "DAMAGED");
    if (!faults.empty()) exit_code = static_cast<int>(ExitCode::wrong_data);
  }
}

void add_diff(CLI::App& command, int& exit_code) {
  CLI::App* diff = command.add_subcommand(
      "diff",
      "Compare two checkpoints bit by bit, however each is cut: arrays, step and all of the state "
      "that bears on them; exit 3: they differ");
  for (const char* name : {"A", "B"})
    diff->add_option(name, "A step's folder, or a directory: its newest")->required();
  diff->add_flag("--arrays-only")->description("Step and state may differ");
  diff->callback([diff, &exit_code] {
    const auto path = [diff](const char* name) {
      return diff->get_option(name)->as<std::string>();
    };
    const DiffScope scope =
        diff->count("--arrays-only") > 0 ? DiffScope::arrays : DiffScope::everything;
    if (!print_checkpoint_diff(path("A"), path("B"), scope))
      exit_code = static_cast<int>(ExitCode::wrong_data);
  });
}

}  // namespace

void add_checkpoint_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("checkpoint", "Look at checkpoints");
  command->require_subcommand(1);
  CLI::App* show = command->add_subcommand("inspect", "Show what a checkpoint holds");
  CLI::App* check =
      command->add_subcommand("verify", "Check every byte; exit 3 names what is damaged");
  for (CLI::App* each : {show, check})
    each->add_option("PATH", "A step's folder, or the directory above it")->required();
  show->callback([show] { inspect(show->get_option("PATH")->as<std::string>()); });
  check->callback(
      [check, &exit_code] { verify(check->get_option("PATH")->as<std::string>(), exit_code); });
  add_diff(*command, exit_code);
}

}  // namespace tokenwerk
