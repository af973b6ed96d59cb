/// The program `tokenwerk`.

#include "launch/command_line.h"

int main(int argc, char** argv) {
  const tokenwerk::Process alone;
  return tokenwerk::run_command_line(argc, argv, alone);
}
