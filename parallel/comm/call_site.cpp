#include "parallel/comm/call_site.h"

#include <fmt/core.h>

#include <string_view>

namespace tokenwerk {
namespace {

/// What stands before "parallel/comm/call_site.cpp" in the compiler's name of this file.
std::string_view source_root() {
  std::string_view name = CallSite::current().file_name();
  name.remove_suffix(std::string_view("parallel/comm/call_site.cpp").size());
  return name;
}

}  // namespace

std::string text_of(const CallSite& site) {
  std::string_view file = site.file_name();
  if (file.starts_with(source_root())) file.remove_prefix(source_root().size());
  // A compiler cache names files from the build folder.
  while (file.starts_with("../")) file.remove_prefix(3);
  return fmt::format("{}:{}", file, site.line());
}

}  // namespace tokenwerk
