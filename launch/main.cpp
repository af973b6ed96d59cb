/// The program `tokenwerk`.

#include <fcntl.h>

#include <string_view>

#include "core/log.h"
#include "launch/command_line.h"
#include "launch/exit_code.h"
#include "launch/signals.h"
#include "parallel/comm/program.h"

namespace {

/// A standard stream that is closed would be the next file that is opened, and get what is printed.
void open_closed_streams() {
  for (const int stream : {0, 1, 2})
    if (::fcntl(stream, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR);  // the lowest free number
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tokenwerk;
  open_closed_streams();
  if (argc > 1 && std::string_view(argv[1]) == "train") hold_stop_requests();
  return run_program(
      [&](MpiEnvironment& environment) {
        open_log(environment.rank(), {});
        return run_command_line(argc, argv, environment);
      },
      [](const std::exception& error) { return static_cast<int>(exit_code_of(error)); });
}
