/// log.trace through the real command line: a timeline that Perfetto can show.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/dtype.h"
#include "tests/support/training.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::json;

/// Times in nanoseconds: the file has microseconds with three digits.
struct Event {
  std::string name, category;
  int rank = 0, track = 0;
  std::int64_t start = 0, end = 0;
  Json arguments;
};

std::vector<Event> events_of(const TrainingFolder& folder, const std::string& run) {
  std::vector<Event> events;
  const Json json = Json::parse(folder.bytes(run + "/trace.json"));
  for (const Json& e : json.at("traceEvents")) {
    if (e.at("ph") != "X") continue;
    const auto start = std::llround(e.at("ts").get<double>() * 1e3);
    const auto length = std::llround(e.at("dur").get<double>() * 1e3);
    EXPECT_GE(start, 0);
    EXPECT_GE(length, 0);
    events.push_back(
        {e.at("name"), e.at("cat"), e.at("pid"), e.at("tid"), start, start + length, e.at("args")});
  }
  std::ranges::stable_sort(events, [](const Event& a, const Event& b) {
    return a.start != b.start ? a.start < b.start : a.end > b.end;
  });
  return events;
}

/// Those of one rank that lie within another event, in the order of their starts.
std::vector<Event> within(const std::vector<Event>& events, const Event& outer,
                          const std::string& category) {
  std::vector<Event> inner;
  for (const Event& event : events)
    if (event.rank == outer.rank && event.category == category && event.start >= outer.start &&
        event.end <= outer.end)
      inner.push_back(event);
  return inner;
}

std::vector<Event> steps_of(const std::vector<Event>& events, int rank) {
  std::vector<Event> steps;
  for (const Event& event : events)
    if (event.rank == rank && event.category == "step") steps.push_back(event);
  return steps;
}

std::string names_of(const std::vector<Event>& events) {
  std::string names;
  for (const Event& event : events) names += event.name + " ";
  return names;
}

/// Events of one track contain each other or follow each other.
void expect_nested(const std::vector<Event>& events) {
  std::map<std::pair<int, int>, std::vector<Event>> open;
  for (const Event& event : events) {
    std::vector<Event>& stack = open[{event.rank, event.track}];
    while (!stack.empty() && stack.back().end <= event.start) stack.pop_back();
    if (!stack.empty()) {
      EXPECT_LE(event.end, stack.back().end)
          << event.name << " overlaps " << stack.back().name << " on rank " << event.rank;
    }
    stack.push_back(event);
  }
}

TEST(Trace, ShowsTheScheduleOfEveryRankInStepsTwoToSix) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result =
      folder.train(4, "run", {"--log.trace", "true", "--parallel.pipeline", "2"});
  EXPECT_NE(result.output.find("timeline of 5 steps in run/trace.json"), std::string::npos);
  const std::vector<Event> events = events_of(folder, "run");
  expect_nested(events);
  for (int rank = 0; rank < 4; ++rank) {
    const std::vector<Event> steps = steps_of(events, rank);
    EXPECT_EQ(names_of(steps), "step 2 step 3 step 4 step 5 step 6 ");
    for (const Event& step : steps) {
      EXPECT_EQ(names_of(within(events, step, "compute")),
                rank < 2 ? "0F0 0F1 0B0 0F2 0B1 0F3 0B2 0B3 optimizer "
                         : "1F0 1B0 1F1 1B1 1F2 1B2 1F3 1B3 optimizer ");
      EXPECT_EQ(within(events, step, "data").size(), 4u);
      EXPECT_FALSE(within(events, step, "wait").empty());
    }
  }
}

TEST(Trace, ClocksOfRanksAgreeOnWhatComesFirst) {
  const TrainingFolder folder(gpt_model);
  folder.train(2, "run", {"--log.trace", "true", "--parallel.pipeline", "2"});
  const std::vector<Event> events = events_of(folder, "run");
  const std::vector<Event> first = steps_of(events, 0), second = steps_of(events, 1);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    const Event forward = within(events, first[i], "compute").front();
    const Event next = within(events, second[i], "compute").front();
    EXPECT_LE(forward.end, next.start) << "stage 1 began before stage 0 had ended";
  }
}

TEST(Trace, EveryTrackHasANameOfItsOwn) {
  const TrainingFolder folder(gpt_model);
  folder.train(4, "run", {"--log.trace", "true", "--parallel.pipeline", "2"});
  std::set<std::string> names;
  const Json json = Json::parse(folder.bytes("run/trace.json"));
  for (const Json& e : json.at("traceEvents")) {
    if (e.at("name") != "thread_name" || e.at("pid") != 0) continue;
    const std::string name = e.at("args").at("name");
    EXPECT_TRUE(names.insert(name).second) << "a second " << name;
  }
  for (const std::string name : {"data, gradients", "pipeline, to 1", "pipeline, from 1"})
    EXPECT_TRUE(names.contains("communication, " + name)) << name;
}

TEST(Trace, CollectivesCarryTheBytesOfTheLayout) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result = folder.train(2, "run", {"--log.trace", "true"});
  const std::vector<Event> events = events_of(folder, "run");
  const Index gradients = 4 * 34944;  // f32 of all parameters, the vocabulary padded to 264
  for (int rank = 0; rank < 2; ++rank) {
    for (const Event& step : steps_of(events, rank)) {
      Index sent = 0, received = 0;
      for (const Event& event : within(events, step, "communication")) {
        if (event.arguments.at("axis") != "data") continue;
        EXPECT_EQ(event.name, "all_reduce");
        EXPECT_GT(event.track, 0);
        sent += event.arguments.at("bytes_sent").get<Index>();
        received += event.arguments.at("bytes_received").get<Index>();
      }
      EXPECT_EQ(sent, gradients);
      EXPECT_EQ(received, gradients);
      EXPECT_EQ(step.arguments.at("data_bytes_sent").get<Index>(), gradients);
    }
  }
}

TEST(Trace, AShortRunGivesWhatItHas) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "none", {"--training.stop_after", "2"});
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "none/trace.json"));
  const std::vector<std::string> flags{"--log.trace", "true", "--training.stop_after"};
  folder.train(2, "three", {flags[0], flags[1], flags[2], "3"});
  EXPECT_EQ(names_of(steps_of(events_of(folder, "three"), 1)), "step 2 step 3 ");
  const CommandResult one = folder.train(1, "one", {flags[0], flags[1], flags[2], "1"});
  EXPECT_NE(one.output.find("log.trace wants two steps"), std::string::npos) << one.output;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "one/trace.json"));
}

TEST(Trace, AFolderInItsPlaceIsRefusedBeforeTraining) {
  const TrainingFolder folder(gpt_model);
  for (const std::string name : {"trace.json", "trace.json.tmp"}) {
    std::filesystem::create_directories(folder.path() / name / name / "inside");
    const CommandResult result = folder.train(2, name, {"--log.trace", "true"}, 2);
    const std::string said =
        "log.trace: " + name + "/" + name + " cannot be written: it is a folder";
    const std::size_t place = result.output.find(said);
    ASSERT_NE(place, std::string::npos) << result.output;
    EXPECT_EQ(result.output.find(said, place + 1), std::string::npos) << result.output;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / name / "log.txt"));
  }
}

TEST(Trace, ADiskThatFillsUpEndsNoRun) {
  const TrainingFolder folder(gpt_model);
  std::filesystem::create_directories(folder.path() / "run");
  std::filesystem::create_symlink("/dev/full", folder.path() / "run/trace.json.tmp");
  const CommandResult result = folder.train(2, "run", {"--log.trace", "true"});
  const std::string said = "no timeline: run/trace.json cannot be written: No space left on device";
  EXPECT_NE(result.output.find(said), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find(said), result.output.rfind(said)) << result.output;
  EXPECT_EQ(folder.losses("run").size(), 20u);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / folder.checkpoint("run", 20)));
  for (const char* left : {"run/trace.json", "run/trace.json.tmp"})
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(folder.path() / left)));
}

}  // namespace
}  // namespace tokenwerk
