#pragma once
/// What this binary is.

#include <string>

namespace tokenwerk {

struct BuildInfo {
  std::string version;   ///< "0.1.0"
  std::string type;      ///< "Release"
  std::string compiler;  ///< "GCC 12.2.0"
};

[[nodiscard]] BuildInfo build_info();

}  // namespace tokenwerk
