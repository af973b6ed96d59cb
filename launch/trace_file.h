#pragma once
/// The timelines of all ranks as one file in the Chrome trace event format, which Perfetto
/// (ui.perfetto.dev) and chrome://tracing show: a process a rank, a thread a track, times in
/// microseconds.

#include <filesystem>
#include <system_error>

#include "core/trace.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Events of one rank, a line each, separated by commas: its names first. Times count from
/// `origin`, a moment of this rank's clock.
[[nodiscard]] std::string trace_lines(const TraceRecorder& trace, int rank, const std::string& host,
                                      std::chrono::steady_clock::time_point origin);

/// The first rank writes what all have recorded: aside, then renamed, so that whoever finds the
/// file finds it whole. All ranks call together; memory is that of one rank's events. Returns, on
/// the first rank, why the file could not be written, and leaves nothing then.
[[nodiscard]] std::error_code write_trace(Communicator& world, const std::filesystem::path& file,
                                          const TraceRecorder& trace, const std::string& host);

/// Throws ConfigError where a folder stands in the way of the file.
void check_trace_file(const std::filesystem::path& file);

}  // namespace tokenwerk
