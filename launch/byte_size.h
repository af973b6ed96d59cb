#pragma once
/// Sizes of memory as text, and back.

#include <cstddef>
#include <optional>
#include <string>

namespace tokenwerk {

/// Bytes of "180GiB", "80 GB" or "4096": a number above 0 and a unit, B where there is none. KB,
/// MB, GB and TB count in thousands, KiB, MiB, GiB and TiB in 1024s. Nothing for any other text, or
/// for more than a number of bytes can say.
[[nodiscard]] std::optional<std::size_t> bytes_of_size(const std::string& text);

/// "12.5 GiB", in the largest unit that leaves a number of 1 or more.
[[nodiscard]] std::string size_text(std::size_t bytes);

}  // namespace tokenwerk
