#include "launch/trace_file.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "launch/agreement.h"
#include "parallel/comm/clock.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
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

}  // namespace

std::string trace_lines(const TraceRecorder& trace, int rank, const std::string& host,
                        Clock::time_point origin) {
  std::string lines;
  const std::string lost =
      trace.dropped() == 0 ? "" : fmt::format(", {} events lost", trace.dropped());
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

void write_trace(Communicator& world, const std::filesystem::path& file, const TraceRecorder& trace,
                 const std::string& host) {
  std::filesystem::path aside = file;
  aside += ".tmp";
  std::ofstream stream;
  if (world.rank() == 0) {
    stream.open(aside, std::ios::binary | std::ios::trunc);
    stream << "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  }
  const Clock::time_point origin = earliest(world, trace, clock_offset(world));
  collect_strings(
      world, trace_lines(trace, world.rank(), host, origin), 0,
      [&](int rank, const std::string& lines) { stream << (rank == 0 ? "" : ",\n") << lines; });
  agree(world, [&] {
    if (world.rank() != 0) return;
    stream << "\n]}\n";
    stream.close();
    std::error_code ignored;
    if (!stream.good()) std::filesystem::remove(aside, ignored);
    std::error_code fault;
    if (stream.good()) std::filesystem::rename(aside, file, fault);
    TW_CHECK_AS(DeviceError, stream.good() && !fault, file.string(), ": cannot be written");
  });
}

}  // namespace tokenwerk
