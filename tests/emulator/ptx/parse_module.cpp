#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "tests/emulator/fault.h"
#include "tests/emulator/ptx/parse_body.h"
#include "tests/emulator/ptx/syntax.h"

namespace tokenwerk::emulator::ptx {
namespace {

struct SpaceName {
  std::string_view name;
  Space space;
};

constexpr std::array<SpaceName, 5> space_names{{{".global", Space::global},
                                                {".const", Space::constant},
                                                {".shared", Space::shared},
                                                {".local", Space::local},
                                                {".param", Space::param}}};

std::size_t parse_size(std::string_view text) {
  std::size_t value = 0;
  text = trimmed(text);
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// The numbers after a directive in `header`, as in ".maxntid 256, 1, 1"; absent: empty.
std::vector<std::uint32_t> directive_numbers(std::string_view header, std::string_view directive) {
  std::vector<std::uint32_t> numbers;
  std::size_t at = header.find(directive);
  if (at == std::string_view::npos) return numbers;
  at += directive.size();
  const std::string_view rest = header.substr(at, header.find('.', at) - at);
  for (const std::string_view number : split_outside_brackets(rest, ','))
    numbers.push_back(static_cast<std::uint32_t>(parse_size(number)));
  return numbers;
}

LaunchBounds parse_bounds(std::string_view header) {
  LaunchBounds bounds;
  const auto product = [](const std::vector<std::uint32_t>& sizes) {
    std::uint32_t all = sizes.empty() ? 0 : 1;
    for (const std::uint32_t size : sizes) all *= size;
    return all;
  };
  bounds.max_threads = product(directive_numbers(header, ".maxntid"));
  const auto required = directive_numbers(header, ".reqntid");
  if (!required.empty()) bounds.required_threads = {1, 1, 1};
  for (std::size_t i = 0; i < required.size() && i < 3; ++i)
    bounds.required_threads[i] = required[i];
  const auto blocks = directive_numbers(header, ".minnctapersm");
  if (!blocks.empty()) bounds.min_blocks = blocks.front();
  return bounds;
}

/// Takes a parenthesis with what it holds from the front of `text`; nothing if there is none.
std::optional<std::string_view> take_parenthesis(std::string_view& text) {
  text = trimmed(text);
  if (text.empty() || text.front() != '(') return std::nullopt;
  const std::size_t end = text.find(')');
  const std::string_view inside = text.substr(1, end - 1);
  text = trimmed(text.substr(end + 1));
  return inside;
}

std::vector<Variable> parse_parameters(std::string_view text, int line) {
  std::vector<Variable> parameters;
  for (const std::string_view declaration : split_outside_brackets(text, ','))
    parameters.push_back(parse_variable(declaration, line));
  return parameters;
}

/// `.visible .entry name(parameters) bounds` or `.func (returns) name(parameters)`.
Function parse_header(const Statement& statement) {
  Function function;
  std::string_view text = statement.text;
  function.is_kernel = text.find(".entry") != std::string_view::npos;
  const std::string_view keyword = function.is_kernel ? ".entry" : ".func";
  text = text.substr(text.find(keyword) + keyword.size());
  if (const auto returns = take_parenthesis(text))
    function.returns = parse_parameters(*returns, statement.line);
  const std::size_t name_end = std::min(text.find_first_of("( "), text.size());
  function.name = trimmed(text.substr(0, name_end));
  text = text.substr(name_end);
  if (const auto parameters = take_parenthesis(text))
    function.parameters = parse_parameters(*parameters, statement.line);
  function.bounds = parse_bounds(text);
  return function;
}

/// Collects the statements of a module, which is a list of variables and functions.
class ModuleParser {
 public:
  void take(const Statement& statement) {
    if (statement.kind == Statement::Kind::open) {
      open();
    } else if (statement.kind == Statement::Kind::close) {
      close();
    } else if (body_ && statement.kind == Statement::Kind::label) {
      body_->take_label(statement);
    } else if (body_) {
      body_->take(statement);
    } else if (skipped_depth_ == 0) {
      take_at_module_level(statement);
    }
  }

  [[nodiscard]] SyntaxModule result() && { return std::move(module_); }

 private:
  void open() {
    if (!body_ && (!function_ || skipped_depth_ > 0)) {
      ++skipped_depth_;
      return;
    }
    if (!body_) {
      function_->has_body = true;
      body_.emplace(*function_);
    }
    body_->open_scope();
  }

  void close() {
    if (!body_) {
      --skipped_depth_;
      return;
    }
    body_->close_scope();
    if (body_->inside()) return;
    body_.reset();
    function_ = nullptr;
  }

  void take_at_module_level(const Statement& statement) {
    const std::string& text = statement.text;
    if (text.find(".entry") != std::string::npos || text.find(".func") != std::string::npos) {
      Function function = parse_header(statement);
      function_ = &(module_.functions[function.name] = std::move(function));
    } else if (text.compare(0, 8, ".section") != 0 && text.compare(0, 6, ".alias") != 0) {
      module_.variables.push_back(parse_variable(text, statement.line));
    }
  }

  SyntaxModule module_;
  Function* function_ = nullptr;
  std::optional<BodyParser> body_;
  int skipped_depth_ = 0;
};

}  // namespace

Number parse_number(std::string_view text, bool& understood) {
  Number number;
  const bool is_negative = !text.empty() && text.front() == '-';
  std::string_view digits = is_negative ? text.substr(1) : text;
  int base = 10;
  if (digits.size() > 2 && digits[0] == '0' && std::strchr("fFdDxXbB", digits[1])) {
    const char form = digits[1];
    base = form == 'b' || form == 'B' ? 2 : 16;
    if (form == 'f' || form == 'F') number.form = Number::Form::single_bits;
    if (form == 'd' || form == 'D') number.form = Number::Form::double_bits;
    digits.remove_prefix(2);
  }
  if (!digits.empty() && digits.back() == 'U') digits.remove_suffix(1);
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number.bits, base);
  understood = error == std::errc() && stop == end && !digits.empty();
  if (is_negative) number.bits = ~number.bits + 1;
  return number;
}

Variable parse_variable(std::string_view declaration, int line) {
  Variable variable;
  const std::size_t equals = declaration.find('=');
  if (equals != std::string_view::npos) {
    std::string_view initial = trimmed(declaration.substr(equals + 1));
    if (!initial.empty() && initial.front() == '{') initial = initial.substr(1, initial.size() - 2);
    for (const std::string_view value : split_outside_brackets(initial, ','))
      variable.initial.emplace_back(value);
    declaration = trimmed(declaration.substr(0, equals));
  }
  std::size_t count = 1;
  if (const std::size_t bracket = declaration.find('['); bracket != std::string_view::npos) {
    count = parse_size(declaration.substr(bracket + 1));
    variable.is_unbounded = count == 0;
    declaration = trimmed(declaration.substr(0, bracket));
  }
  const auto words = split_outside_brackets(declaration, ' ');
  bool has_space = false;
  std::size_t align = 0;
  for (std::size_t i = 0; i + 1 < words.size() && words[i] != ".ptr"; ++i) {
    const auto* space = std::find_if(space_names.begin(), space_names.end(),
                                     [&](const SpaceName& s) { return s.name == words[i]; });
    has_space |= space != space_names.end();
    if (space != space_names.end()) variable.space = space->space;
    if (const auto type = type_named(words[i].substr(1))) variable.type = *type;
    if (words[i] == ".align") align = parse_size(words[i + 1]);
  }
  if (!has_space) throw Unsupported(fmt::format("PTX line {}: {}", line, declaration));
  variable.name = words.back();
  variable.size = count * size_of(variable.type);
  variable.align = std::max(align, size_of(variable.type));
  return variable;
}

SyntaxModule parse_module(std::string_view text) {
  ModuleParser parser;
  for (const Statement& statement : split_statements(text)) parser.take(statement);
  return std::move(parser).result();
}

}  // namespace tokenwerk::emulator::ptx
