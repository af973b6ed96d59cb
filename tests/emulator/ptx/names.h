#pragma once
/// Names of kernels for people.

#include <string>

namespace tokenwerk::emulator::ptx {

/// `transpose_kernel<true>` of a mangled name: without return type, namespaces and parameters. A
/// name that is not mangled stays as it is.
[[nodiscard]] std::string readable_name(const std::string& name);

}  // namespace tokenwerk::emulator::ptx
