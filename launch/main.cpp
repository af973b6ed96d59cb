/// The program `tokenwerk`.

#include <string_view>

#include "core/log.h"
#include "launch/command_line.h"
#include "launch/exit_code.h"
#include "launch/signals.h"
#include "parallel/comm/program.h"

int main(int argc, char** argv) {
  using namespace tokenwerk;
  if (argc > 1 && std::string_view(argv[1]) == "train") hold_stop_requests();
  return run_program(
      [&](MpiEnvironment& environment) {
        open_log(environment.rank(), {});
        return run_command_line(argc, argv, environment);
      },
      [](const std::exception& error) { return static_cast<int>(exit_code_of(error)); });
}
