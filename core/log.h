#pragma once
/// What the program tells its user as it runs. The logger is the one thing that a whole process
/// shares.

#include <fmt/core.h>

#include <filesystem>
#include <string_view>

namespace tokenwerk {

enum class LogLevel { info, warning, error };

/// Sends lines to the console and, unless `file` is empty, to that file as well, with times. The
/// console of ranks other than 0 shows warnings and errors only, with the rank. Throws Error when
/// the file cannot be opened.
void open_log(int rank, const std::filesystem::path& file);

/// One line. Destructors log too, so a line that cannot be made or written is lost, never thrown.
void log_formatted(LogLevel level, fmt::string_view format, fmt::format_args parts) noexcept;

/// One line, formatted as by fmt::format.
template <typename... Parts>
void log_info(fmt::format_string<Parts...> format, Parts&&... parts) {
  log_formatted(LogLevel::info, format, fmt::make_format_args(parts...));
}

template <typename... Parts>
void log_warning(fmt::format_string<Parts...> format, Parts&&... parts) {
  log_formatted(LogLevel::warning, format, fmt::make_format_args(parts...));
}

template <typename... Parts>
void log_error(fmt::format_string<Parts...> format, Parts&&... parts) {
  log_formatted(LogLevel::error, format, fmt::make_format_args(parts...));
}

/// One line as it is for the file alone, where the console has shown it in a way of its own.
void log_to_file(LogLevel level, std::string_view line) noexcept;

/// Writes out what is buffered, before a process ends without cleaning up.
void flush_log() noexcept;

}  // namespace tokenwerk
