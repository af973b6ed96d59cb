#pragma once
/// The container in which nvcc embeds device code.

#include <string>

namespace tokenwerk::emulator {

/// The PTX of what nvcc passes to `__cudaRegisterFatBinary`. Throws `Unsupported` when there is
/// none, or when it is compressed (nvcc's default; `--no-compress` leaves it readable).
[[nodiscard]] std::string ptx_of_fat_binary(const void* wrapper);

}  // namespace tokenwerk::emulator
