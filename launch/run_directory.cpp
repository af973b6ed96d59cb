#include "launch/run_directory.h"

#include <fmt/core.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <fstream>

#include "core/error.h"

namespace tokenwerk {

void make_run_directory(const Recipe& recipe) {
  const std::filesystem::path folder = recipe.log.directory;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  TW_CHECK(!error, folder.string(), ": cannot be made: ", error.message());
  const std::filesystem::path file = folder / "recipe.toml", aside = folder / "recipe.toml.tmp";
  std::ofstream stream(aside, std::ios::binary | std::ios::trunc);
  stream << to_toml(recipe);
  stream.close();
  TW_CHECK(stream.good(), aside.string(), ": cannot be written");
  std::filesystem::rename(aside, file);
}

void open_run_log(const std::filesystem::path& folder, int rank) {
  const auto console = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  // On a terminal a log line first wipes the live line, which the next step draws again.
  const std::string wipe = isatty(STDERR_FILENO) ? "\r\x1b[K" : "";
  console->set_pattern(rank == 0 ? wipe + "%v" : fmt::format("{}rank {}: %v", wipe, rank));
  console->set_level(rank == 0 ? spdlog::level::info : spdlog::level::warn);
  std::vector<spdlog::sink_ptr> sinks{console};
  if (rank == 0) {
    const auto file =
        std::make_shared<spdlog::sinks::basic_file_sink_mt>((folder / "log.txt").string());
    file->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    sinks.push_back(file);
  }
  const auto logger = std::make_shared<spdlog::logger>("tokenwerk", sinks.begin(), sinks.end());
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
}

}  // namespace tokenwerk
