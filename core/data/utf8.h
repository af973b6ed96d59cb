#pragma once
/// UTF-8 (RFC 3629): what is well formed, and what is only unfinished.

#include <cstddef>
#include <string_view>

namespace tokenwerk {

/// Length of the longest prefix that is well-formed UTF-8; text.size() if all of it is.
[[nodiscard]] std::size_t valid_utf8_prefix(std::string_view text);

/// Length of the text without a last character that lacks bytes yet to come. Bytes that no
/// continuation could make valid are kept.
[[nodiscard]] std::size_t complete_utf8_prefix(std::string_view text);

}  // namespace tokenwerk
