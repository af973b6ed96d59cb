#pragma once
/// `tokenwerk doctor`: what this binary has and what this machine can do.

namespace CLI {
class App;
}

namespace tokenwerk {

class MpiEnvironment;

void add_doctor_command(CLI::App& app, MpiEnvironment& environment, int& exit_code);

}  // namespace tokenwerk
