#pragma once
/// The command `tokenwerk prepare`.

namespace CLI {
class App;
}

namespace tokenwerk {

/// Adds the command to the program; its action sets exit_code. Errors are thrown
/// (launch/prepare.h).
void add_prepare_command(CLI::App& app, int& exit_code);

}  // namespace tokenwerk
