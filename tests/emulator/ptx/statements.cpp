#include "tests/emulator/ptx/statements.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace tokenwerk::emulator::ptx {
namespace {

constexpr std::array<std::string_view, 5> line_directives{".version", ".target", ".address_size",
                                                          ".file", ".loc"};

bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Cuts the text as it reads it, character by character.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<Statement> split() {
    while (at_ < text_.size()) {
      if (!skip_comment()) take(text_[at_]);
    }
    return std::move(statements_);
  }

 private:
  bool skip_comment() {
    if (text_.substr(at_, 2) == "//") {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return true;
    }
    if (text_.substr(at_, 2) != "/*") return false;
    const std::size_t end = std::min(text_.find("*/", at_), text_.size() - 2) + 2;
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    at_ = end;
    return true;
  }

  void take(char c) {
    ++at_;
    if (c == '\n') {
      ++line_;
      if (is_line_directive()) current_.clear();
    }
    if (c == ';' && depth_ == 0) {
      finish(Statement::Kind::text);
    } else if (c == '{') {
      open();
    } else if (c == '}') {
      close();
    } else if (c == ':' && is_label()) {
      finish(Statement::Kind::label);
    } else {
      append(c);
    }
  }

  /// A brace that follows the text of an instruction or a variable belongs to it.
  void open() {
    const bool opens_scope = current_.empty() || contains(current_, ".entry") ||
                             contains(current_, ".func") || contains(current_, ".section");
    if (depth_ > 0 || !opens_scope) {
      ++depth_;
      append('{');
      return;
    }
    if (!current_.empty()) finish(Statement::Kind::text);
    statements_.push_back({Statement::Kind::open, "", line_});
  }

  void close() {
    if (depth_ > 0) {
      --depth_;
      append('}');
      return;
    }
    current_.clear();
    statements_.push_back({Statement::Kind::close, "", line_});
  }

  bool is_label() const {
    return depth_ == 0 && !current_.empty() && current_.find_first_of(" .[,") == std::string::npos;
  }

  bool is_line_directive() const {
    return std::any_of(line_directives.begin(), line_directives.end(), [&](std::string_view name) {
      return current_.compare(0, name.size(), name) == 0;
    });
  }

  void append(char c) {
    if (!is_blank(c)) {
      if (current_.empty()) first_line_ = line_;
      current_ += c;
    } else if (!current_.empty() && current_.back() != ' ') {
      current_ += ' ';
    }
  }

  void finish(Statement::Kind kind) {
    const std::string text(trimmed(current_));
    if (!text.empty()) statements_.push_back({kind, text, first_line_});
    current_.clear();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  int first_line_ = 1;
  int depth_ = 0;
  std::string current_;
  std::vector<Statement> statements_;
};

}  // namespace

std::vector<Statement> split_statements(std::string_view text) { return Splitter(text).split(); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split_outside_brackets(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  if (trimmed(text).empty()) return parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '{' || c == '[' || c == '(') ++depth;
    if (c == '}' || c == ']' || c == ')') --depth;
    if (c == separator && depth == 0) {
      parts.push_back(trimmed(text.substr(begin, at - begin)));
      begin = at + 1;
    }
  }
  parts.push_back(trimmed(text.substr(begin)));
  return parts;
}

}  // namespace tokenwerk::emulator::ptx
