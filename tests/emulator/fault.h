#pragma once
/// What the emulator reports when a program does something that a GPU would not do right.

#include <stdexcept>

namespace tokenwerk::emulator {

/// A kernel broke a rule while it ran. `what()` names kernel, block, thread, PTX line, instruction
/// and reason.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// PTX that the emulator does not know, refused when its module is loaded. `what()` names the
/// function, the line and the instruction.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace tokenwerk::emulator
