#pragma once
/// `tokenwerk schedule`.

namespace CLI {
class App;
}

namespace tokenwerk {

/// Adds the command to the program; its action sets exit_code.
void add_schedule_command(CLI::App& app, int& exit_code);

}  // namespace tokenwerk
