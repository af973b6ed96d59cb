#include "launch/trace_file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "launch/counted.h"
#include "parallel/comm/clock.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

/// What Perfetto calls a process or a thread, and where it shows it.
void add_name(std::string& lines, const char* what, int rank, std::size_t track,
              const std::string& name) {
  const std::string kind(what);
  const std::size_t place = kind == "process" ? static_cast<std::size_t>(rank) : track;
  for (const Json& line :
       {Json{{"ph", "M"}, {"name", kind + "_name"}, {"args", {{"name", name}}}},
        Json{{"ph", "M"}, {"name", kind + "_sort_index"}, {"args", {{"sort_index", place}}}}}) {
    Json placed = line;
    placed["pid"] = rank;
    placed["tid"] = track;
    lines += placed.dump() + ",\n";
  }
}

Json arguments_of(const TraceEvent& event) {
  Json json = Json::object();
  for (const TraceArgument& argument : event.arguments)
    std::visit([&](const auto& value) { json[argument.name] = value; }, argument.value);
  return json;
}

/// Microseconds, exact to the nanosecond.
double microseconds(Clock::duration time) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count()) /
         1e3;
}

/// The earliest event of any rank, on this rank's clock.
Clock::time_point earliest(Communicator& world, const TraceRecorder& trace,
                           std::chrono::nanoseconds offset) {
  Index first = std::numeric_limits<Index>::max();
  for (const TraceEvent& event : trace.events())
    first = std::min<Index>(first, (event.start.time_since_epoch() + offset).count());
  first = -all_reduce(world, -first, Reduction::max);
  return Clock::time_point(std::chrono::nanoseconds(first) - offset);
}

fs::path aside(fs::path file) { return file += ".tmp"; }

/// A file written aside. The first error is kept, so that those who hand it their lines go on.
class GrowingFile {
 public:
  explicit GrowingFile(const fs::path& file) : file_(file) {
    errno = 0;
    stream_.open(aside(file), std::ios::binary | std::ios::trunc);
    note();
  }
  void write(std::string_view text) {
    errno = 0;
    stream_ << text;
    note();
  }
  /// Gives the file its name, or removes what there is of it and says why.
  [[nodiscard]] std::error_code publish() {
    errno = 0;
    stream_.close();
    note();
    if (!error_) fs::rename(aside(file_), file_, error_);
    std::error_code ignored;
    if (error_) fs::remove(aside(file_), ignored);
    return error_;
  }

 private:
  void note() {
    if (!stream_ && !error_) error_ = {errno != 0 ? errno : EIO, std::generic_category()};
  }

  fs::path file_;
  std::ofstream stream_;
  std::error_code error_;
};

}  // namespace

std::string trace_lines(const TraceRecorder& trace, int rank, const std::string& host,
                        Clock::time_point origin) {
  std::string lines;
  const std::string lost =
      trace.dropped() == 0
          ? ""
          : fmt::format(", {} lost", count_of(static_cast<Index>(trace.dropped()), "event"));
  add_name(lines, "process", rank, 0, fmt::format("rank {} host {}{}", rank, host, lost));
  for (std::size_t track = 0; track < trace.tracks().size(); ++track)
    add_name(lines, "thread", rank, track, trace.tracks()[track]);
  for (const TraceEvent& event : trace.events()) {
    lines += Json{{"ph", "X"},
                  {"name", event.name},
                  {"cat", event.category},
                  {"pid", rank},
                  {"tid", event.track},
                  {"ts", microseconds(event.start - origin)},
                  {"dur", microseconds(event.end - event.start)},
                  {"args", arguments_of(event)}}
                 .dump() +
             ",\n";
  }
  lines.resize(lines.size() - 2);
  return lines;
}

std::error_code write_trace(Communicator& world, const fs::path& file, const TraceRecorder& trace,
                            const std::string& host) {
  std::optional<GrowingFile> growing;
  if (world.rank() == 0) {
    growing.emplace(file);
    growing->write("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
  }
  const Clock::time_point origin = earliest(world, trace, clock_offset(world));
  collect_strings(world, trace_lines(trace, world.rank(), host, origin),
                  [&](int rank, std::string_view lines) {
                    growing->write(rank == 0 ? "" : ",\n");
                    growing->write(lines);
                  });
  if (!growing) return {};
  growing->write("\n]}\n");
  return growing->publish();
}

void check_trace_file(const fs::path& file) {
  std::error_code ignored;
  for (const fs::path& path : {file, aside(file)})
    TW_CHECK_AS(ConfigError, !fs::is_directory(path, ignored), "log.trace: ", path.string(),
                " cannot be written: it is a folder; remove it or name another log.directory");
}

}  // namespace tokenwerk
