#include "launch/trace_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "parallel/comm/self_communicator.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

/// One event on a second track, 1500 ns after `origin`, 250 ns long.
void record(TraceRecorder& trace, std::chrono::steady_clock::time_point origin) {
  trace.start();
  trace.add({.name = "a \"name\"",
             .category = "communication",
             .track = trace.add_track("communication, data"),
             .start = origin + 1500ns,
             .end = origin + 1750ns,
             .arguments = {{"axis", "data"}, {"bytes_sent", Index{1} << 40}}});
  trace.stop();
}

TEST(TraceFile, WritesNamesAndEventsAsPerfettoReadsThem) {
  TraceRecorder trace(10);
  const auto origin = std::chrono::steady_clock::now();
  record(trace, origin);
  const Json lines = Json::parse("[" + trace_lines(trace, 3, "n17", origin) + "]");
  EXPECT_EQ(lines.front()["args"]["name"], "rank 3 host n17");
  const Json event = lines.back();
  EXPECT_EQ(event["ph"], "X");
  EXPECT_EQ(event["name"], "a \"name\"");
  EXPECT_EQ(event["pid"], 3);
  EXPECT_EQ(event["tid"], 1);
  EXPECT_EQ(event["ts"], 1.5);
  EXPECT_EQ(event["dur"], 0.25);
  EXPECT_EQ(event["args"]["axis"], "data");
  EXPECT_EQ(event["args"]["bytes_sent"], Index{1} << 40);
}

TEST(TraceFile, TimesBeginWithTheFirstEvent) {
  const test::TemporaryFolder folder;
  const auto device = make_device(DeviceKind::cpu);
  SelfCommunicator alone(Axis::world, *device);
  TraceRecorder trace(10);
  record(trace, std::chrono::steady_clock::now());
  EXPECT_FALSE(write_trace(alone, folder.path() / "trace.json", trace, "here"));
  const Json json = Json::parse(test::read_file(folder.path() / "trace.json"));
  EXPECT_EQ(json["traceEvents"].back()["ts"], 0.0);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "trace.json.tmp"));
}

TEST(TraceFile, LeavesNothingAndSaysWhyWhereItCannotBeWritten) {
  const test::TemporaryFolder folder;
  const auto device = make_device(DeviceKind::cpu);
  SelfCommunicator alone(Axis::world, *device);
  TraceRecorder trace(10);
  record(trace, std::chrono::steady_clock::now());
  const auto file = folder.path() / "trace.json";
  std::filesystem::create_directories(file / "inside");
  EXPECT_EQ(write_trace(alone, file, trace, "here"), std::errc::is_a_directory);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "trace.json.tmp"));
  EXPECT_EQ(write_trace(alone, folder.path() / "no/trace.json", trace, "here"),
            std::errc::no_such_file_or_directory);
}

TEST(TraceFile, SaysHowManyEventsWereLost) {
  TraceRecorder trace(0);
  record(trace, {});
  EXPECT_NE(trace_lines(trace, 0, "here", {}).find("1 event lost"), std::string::npos);
}

}  // namespace
}  // namespace tokenwerk
