/// The program `tokenwerk`.

#include "core/log.h"
#include "launch/command_line.h"
#include "launch/exit_code.h"
#include "parallel/comm/program.h"

int main(int argc, char** argv) {
  using namespace tokenwerk;
  return run_program(
      [&](MpiEnvironment& environment) {
        open_log(environment.rank(), {});
        return run_command_line(argc, argv, environment);
      },
      [](const std::exception& error) { return static_cast<int>(exit_code_of(error)); });
}
