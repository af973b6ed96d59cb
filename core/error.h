#pragma once
/// Errors: one class per kind of fault, so that `main` can turn each into its exit code.

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tokenwerk {

/// A fault, with the place in the source that noticed it. `what()` is the message for the user.
class Error : public std::runtime_error {
 public:
  Error(const std::string& message, std::string where)
      : std::runtime_error(message), where_(std::move(where)) {}
  /// "file:line" of the check that failed.
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  std::string where_;
};

struct ConfigError : Error {
  using Error::Error;
};  ///< wrong recipe or command line: exit 2
struct DataError : Error {
  using Error::Error;
};  ///< wrong or damaged tokens, text, tokenizer: exit 3
struct CheckpointError : Error {
  using Error::Error;
};  ///< wrong or damaged checkpoint: exit 3
struct DeviceError : Error {
  using Error::Error;
};  ///< the device failed or is missing: exit 4
struct UnreadableError : DeviceError {
  using DeviceError::DeviceError;
};  ///< what is there cannot be read (EIO, ESTALE, ...), no fault of the file: exit 4
struct CommError : Error {
  using Error::Error;
};  ///< communication failed: exit 4
struct ShapeError : Error {
  using Error::Error;
};  ///< a caller passed shapes that do not fit: our fault
struct ScheduleError : Error {
  using Error::Error;
};  ///< a pipeline schedule that cannot be or cannot run: exit 2

/// The parts with `separator` between them: many faults as one message.
[[nodiscard]] std::string joined(const std::vector<std::string>& parts, std::string_view separator);

namespace detail {
template <typename E, typename... Parts>
[[noreturn]] void raise(const char* file, int line, const Parts&... parts) {
  std::string message;
  ((message += fmt::format("{}", parts)), ...);
  std::string_view path = file;
  throw E(message, fmt::format("{}:{}", path.substr(path.rfind('/') + 1), line));
}
}  // namespace detail

/// Throws `Error` made of the parts (each formatted by fmt) unless the condition holds.
#define TW_CHECK(condition, ...) TW_CHECK_AS(::tokenwerk::Error, condition, __VA_ARGS__)

/// The same with a class of error of one's own.
#define TW_CHECK_AS(E, condition, ...)                                \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::tokenwerk::detail::raise<E>(__FILE__, __LINE__, __VA_ARGS__); \
  } while (false)

/// Throws unconditionally: `TW_RAISE(DataError, path, ": empty")`.
#define TW_RAISE(E, ...) ::tokenwerk::detail::raise<E>(__FILE__, __LINE__, __VA_ARGS__)

}  // namespace tokenwerk
