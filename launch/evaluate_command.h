#pragma once
/// `tokenwerk evaluate`: the loss of a checkpoint on a token file.

namespace CLI {
class App;
}

namespace tokenwerk {

class MpiEnvironment;

/// Adds the command to the program; its action sets exit_code. Ranks divide the text among them.
void add_evaluate_command(CLI::App& app, MpiEnvironment& environment, int& exit_code);

}  // namespace tokenwerk
