#include "launch/build_info.h"

namespace tokenwerk {

// TW_VERSION and TW_BUILD_TYPE come from launch/CMakeLists.txt, for this file alone.
BuildInfo build_info() {
#ifdef __clang__
  const std::string compiler = "Clang " __clang_version__;
#else
  const std::string compiler = "GCC " __VERSION__;
#endif
  return {TW_VERSION, TW_BUILD_TYPE, compiler};
}

}  // namespace tokenwerk
