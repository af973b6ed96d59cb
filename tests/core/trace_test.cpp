#include "core/trace.h"

#include <gtest/gtest.h>

namespace tokenwerk {
namespace {

TEST(Trace, KeepsWhatHappensWhileItRecords) {
  TraceRecorder trace(10);
  { const TraceSpan before(&trace, "compute", "before"); }
  trace.start();
  {
    const TraceSpan outer(&trace, "compute", "outer");
    const TraceSpan inner(&trace, "wait", "inner");
  }
  trace.stop();
  { const TraceSpan after(&trace, "compute", "after"); }
  ASSERT_EQ(trace.events().size(), 2u);
  const TraceEvent &inner = trace.events()[0], &outer = trace.events()[1];
  EXPECT_EQ(inner.name, "inner");
  EXPECT_EQ(inner.category, "wait");
  EXPECT_EQ(outer.name, "outer");
  EXPECT_LE(outer.start, inner.start);
  EXPECT_LE(inner.start, inner.end);
  EXPECT_LE(inner.end, outer.end);
}

TEST(Trace, CountsWhatIsBeyondItsLimit) {
  TraceRecorder trace(3);
  trace.start();
  for (int i = 0; i < 5; ++i) const TraceSpan span(&trace, "compute", "event");
  trace.stop();
  EXPECT_EQ(trace.events().size(), 3u);
  EXPECT_EQ(trace.dropped(), 2);
}

TEST(Trace, MakesNoNamesThatNobodyReads) {
  TraceRecorder trace(3);
  const auto never = [] {
    ADD_FAILURE() << "a name was made";
    return std::string();
  };
  const TraceSpan off(nullptr, "compute", never), idle(&trace, "compute", never);
}

TEST(Trace, NamesTracksByTheirPlace) {
  TraceRecorder trace(3);
  EXPECT_EQ(trace.tracks().at(TraceRecorder::compute_track), "compute");
  const int track = trace.add_track("communication, data");
  EXPECT_EQ(trace.tracks().at(static_cast<std::size_t>(track)), "communication, data");
}

}  // namespace
}  // namespace tokenwerk
