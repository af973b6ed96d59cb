#pragma once

#include <CLI/CLI.hpp>

namespace tokenwerk {

/// `tokenwerk launch`: starts the ranks of a training run and keeps them alive.
void add_launch_command(CLI::App& app, int& exit_code);

}  // namespace tokenwerk
