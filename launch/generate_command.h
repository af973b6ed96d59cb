#pragma once
/// `tokenwerk generate`.

namespace CLI {
class App;
}

namespace tokenwerk {

/// Adds the command to the program; its action sets exit_code.
void add_generate_command(CLI::App& app, int& exit_code);

}  // namespace tokenwerk
