#pragma once
/// The command line of the program `tokenwerk`: its commands, its errors, its exit codes.

#include <memory>
#include <string>

#include "parallel/comm/environment.h"

namespace CLI {
class App;
}

namespace tokenwerk {

/// The parser with all commands; each writes its outcome to exit_code when it has run. Both
/// arguments must outlive it.
[[nodiscard]] std::unique_ptr<CLI::App> make_command_line(MpiEnvironment& environment,
                                                          int& exit_code);

/// Parses, runs the command and reports what it throws. Returns the exit code; an error that other
/// ranks cannot know of ends them all, without returning.
[[nodiscard]] int run_command_line(int argc, const char* const* argv, MpiEnvironment& environment);

}  // namespace tokenwerk
