#pragma once
/// What the program's exit code says, for scripts and supervisors.

#include <exception>

#include "core/error.h"

namespace tokenwerk {

enum class ExitCode : int {
  done = 0,
  failure = 1,        ///< our fault, or the system's
  wrong_recipe = 2,   ///< wrong command line or recipe
  wrong_data = 3,     ///< wrong or damaged data or checkpoint
  wrong_machine = 4,  ///< device or communication failure
  stopped_by_policy = 5,
  stopped_by_signal = 75,  ///< after saving: resume me
};

/// A fault that every rank has found, or has been told of: the ranks end together, and the first
/// one prints it.
struct SharedError : Error {
  SharedError(ExitCode exit_code, const std::string& message)
      : Error(message, ""), code(exit_code) {}
  ExitCode code;
};

/// The exit code of a run that this error ended.
[[nodiscard]] ExitCode exit_code_of(const std::exception& error);

}  // namespace tokenwerk
