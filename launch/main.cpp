/// The program `tokenwerk`.

#include <fmt/core.h>

#include "core/log.h"
#include "launch/command_line.h"
#include "launch/exit_code.h"

int main(int argc, char** argv) {
  using namespace tokenwerk;
  try {
    MpiEnvironment environment;
    open_log(environment.rank(), {});
    return run_command_line(argc, argv, environment);
  } catch (const std::exception& error) {
    // Only the environment itself can fail here, before there are ranks to speak of.
    fmt::print(stderr, "tokenwerk: {}\n", error.what());
    return static_cast<int>(exit_code_of(error));
  }
}
