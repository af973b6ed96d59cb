#pragma once
/// `tokenwerk checkpoint inspect|verify PATH`

namespace CLI {
class App;
}

namespace tokenwerk {

/// Adds the command to the program's. PATH is a step's folder or the directory above it: `inspect`
/// then shows the newest checkpoint, `verify` checks all. The callbacks run inside CLI11's parse;
/// `verify` sets the exit code to 3 when it finds a fault, and both throw CheckpointError when
/// there is no checkpoint at PATH.
void add_checkpoint_command(CLI::App& app, int& exit_code);

}  // namespace tokenwerk
