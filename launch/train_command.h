#pragma once
/// `tokenwerk train RECIPE.toml [--section.key VALUE ...]`.

#include "launch/process.h"

namespace CLI {
class App;
}

namespace tokenwerk {

/// Adds the command, with a flag for every key of a recipe.
void add_train_command(CLI::App& app, const Process& process, int& exit_code);

}  // namespace tokenwerk
