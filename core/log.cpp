#include "core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"

namespace tokenwerk {
namespace {

spdlog::sink_ptr console_sink(int rank) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  // On a terminal a log line first wipes the live line, which the next step draws again.
  const std::string wipe = isatty(STDERR_FILENO) ? "\r\x1b[K" : "";
  sink->set_pattern(rank == 0 ? wipe + "%v" : fmt::format("{}rank {}: %v", wipe, rank));
  sink->set_level(rank == 0 ? spdlog::level::info : spdlog::level::warn);
  return sink;
}

spdlog::sink_ptr file_sink(const std::filesystem::path& file) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
    sink->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    return sink;
  } catch (const spdlog::spdlog_ex& error) {
    TW_RAISE(Error, error.what());
  }
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void open_log(int rank, const std::filesystem::path& file) {
  std::vector<spdlog::sink_ptr> sinks{console_sink(rank)};
  if (!file.empty()) sinks.push_back(file_sink(file));
  const auto logger = std::make_shared<spdlog::logger>("tokenwerk", sinks.begin(), sinks.end());
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
}

void log_formatted(LogLevel level, fmt::string_view format, fmt::format_args parts) noexcept {
  try {
    spdlog::default_logger()->log(level_of(level), fmt::vformat(format, parts));
  } catch (const std::exception&) {
    std::fputs("a line for the log is lost: out of memory\n", stderr);
  }
}

void log_to_file(LogLevel level, std::string_view line) noexcept try {
  const auto logger = spdlog::default_logger();
  const spdlog::details::log_msg message(logger->name(), level_of(level), line);
  for (const spdlog::sink_ptr& sink : logger->sinks()) {
    if (dynamic_cast<spdlog::sinks::basic_file_sink_mt*>(sink.get()) == nullptr) continue;
    sink->log(message);
    sink->flush();
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());  // a full disk: the console still has the line
}

void flush_log() noexcept { spdlog::default_logger()->flush(); }

}  // namespace tokenwerk
