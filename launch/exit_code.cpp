#include "launch/exit_code.h"

#include <new>

namespace tokenwerk {
namespace {

template <typename... Kinds>
bool is_any(const std::exception& error) {
  return ((dynamic_cast<const Kinds*>(&error) != nullptr) || ...);
}

}  // namespace

ExitCode exit_code_of(const std::exception& error) {
  if (const auto* shared = dynamic_cast<const SharedError*>(&error)) return shared->code;
  if (is_any<ConfigError, ScheduleError>(error)) return ExitCode::wrong_recipe;
  if (is_any<DataError, CheckpointError>(error)) return ExitCode::wrong_data;
  if (is_any<DeviceError, CommError, std::bad_alloc>(error)) return ExitCode::wrong_machine;
  return ExitCode::failure;
}

}  // namespace tokenwerk
