#include "tests/emulator/ptx/names.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace tokenwerk::emulator::ptx {
namespace {

/// Where the last blank or `::` outside all brackets ends; 0 if there is none.
std::size_t begin_of_last_name(std::string_view text) {
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '<' || c == '(') ++depth;
    if (c == '>' || c == ')') --depth;
    if (depth == 0 && (c == ':' || c == ' ')) begin = at + 1;
  }
  return begin;
}

/// Without the parenthesis at the end.
std::string_view without_parameters(std::string_view text) {
  int depth = 0;
  for (std::size_t at = text.size(); at-- > 0;) {
    if (text[at] == ')') ++depth;
    if (text[at] == '(' && --depth == 0) return text.substr(0, at);
    if (depth == 0) break;
  }
  return text;
}

}  // namespace

std::string readable_name(const std::string& name) {
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, nullptr), &std::free);
  if (!demangled) return name;
  const std::string_view text = without_parameters(demangled.get());
  return std::string(text.substr(begin_of_last_name(text)));
}

}  // namespace tokenwerk::emulator::ptx
