#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace tokenwerk {

/// Adds --device to a command that reads no recipe.
inline void add_device_option(CLI::App& command, std::string& device) {
  command.add_option("--device", device, "What computes: the host's cores, or a GPU for each rank")
      ->check(CLI::IsMember({"cpu", "cuda"}).description(""))
      ->type_name("cpu|cuda")
      ->capture_default_str();
}

}  // namespace tokenwerk
