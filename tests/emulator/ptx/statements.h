#pragma once
/// PTX text cut into statements, without comments.

#include <string>
#include <string_view>
#include <vector>

namespace tokenwerk::emulator::ptx {

struct Statement {
  enum class Kind { text, open, close, label };
  Kind kind = Kind::text;
  std::string text;  ///< without the `;` or `:` that ends it; one blank for each run of blanks
  int line = 0;      ///< of the PTX text, from 1
};

/// Directives that end with their line (.version, .loc, ...) are dropped, debug sections too.
[[nodiscard]] std::vector<Statement> split_statements(std::string_view text);

/// `text` without blanks at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
/// The parts between separators outside all brackets, trimmed; none for an empty text.
[[nodiscard]] std::vector<std::string_view> split_outside_brackets(std::string_view text,
                                                                   char separator);

}  // namespace tokenwerk::emulator::ptx
