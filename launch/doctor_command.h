#pragma once
/// `tokenwerk doctor`: what this binary has and what this machine can do.

#include "launch/process.h"

namespace CLI {
class App;
}

namespace tokenwerk {

void add_doctor_command(CLI::App& app, const Process& process, int& exit_code);

}  // namespace tokenwerk
