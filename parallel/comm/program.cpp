#include "parallel/comm/program.h"

#include <fmt/core.h>

namespace tokenwerk {

int run_program(const std::function<int(MpiEnvironment&)>& work,
                int (*code_of)(const std::exception&)) {
  const auto code = [code_of](const std::exception& error) {
    return code_of == nullptr ? 1 : code_of(error);
  };
  try {
    MpiEnvironment environment;
    try {
      return work(environment);
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}\n", error_text(environment, error.what()));
      if (environment.size() > 1) environment.abort_all(code(error));
      return code(error);
    }
  } catch (const std::exception& error) {
    // The environment itself failed: there are no ranks to speak of yet.
    fmt::print(stderr, "{}\n", error.what());
    return code(error);
  }
}

std::string error_text(const MpiEnvironment& environment, const std::string& message) {
  if (environment.size() == 1) return message;
  return fmt::format("rank {} host {}: {}", environment.rank(), environment.host(), message);
}

}  // namespace tokenwerk
