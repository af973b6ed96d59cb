#pragma once
/// `tokenwerk train RECIPE.toml [--section.key VALUE ...]`.

namespace CLI {
class App;
}

namespace tokenwerk {

class MpiEnvironment;

/// Adds the command, with a flag for every key of a recipe.
void add_train_command(CLI::App& app, MpiEnvironment& environment, int& exit_code);

}  // namespace tokenwerk
