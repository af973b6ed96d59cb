/// What events.jsonl says of the end of an attempt.

#include "launch/supervisor/end_event.h"

#include <gtest/gtest.h>

namespace tokenwerk {
namespace {

AttemptEnd ended_with(int code, const std::string& last_words = "") {
  AttemptEnd end;
  end.exit_code = code;
  end.last_words = last_words;
  return end;
}

std::string cause_of(const AttemptEnd& end) {
  return death_of(end, placed({{"n1", 2}, {"n2", 2}}, 4), 2).what;
}

TEST(EndEvent, SaysWhatWasSaidLastWhereARankEndedWithACode) {
  AttemptEnd end = ended_with(4, "x: No space left on device");
  end.blames = {{"rank 2 ended first, with an exit code", "", 2}};
  const RunEvent event = death_of(end, placed({{"n1", 2}, {"n2", 2}}, 4), 2);
  EXPECT_EQ(event.name, "died");
  EXPECT_EQ(event.host, "n2");
  EXPECT_EQ(event.what,
            "rank 2 ended first, with an exit code; the last line: x: No space left on device");
}

TEST(EndEvent, LeavesALineThatNamesTheHostAsItIs) {
  AttemptEnd end = ended_with(137, "step 3  checkpoint saved");
  end.blames = {{"rank 1 host n1: killed", "n1", 1}};
  EXPECT_EQ(cause_of(end), "rank 1 host n1: killed");
}

TEST(EndEvent, SaysHowTheStarterEnded) {
  EXPECT_EQ(cause_of(ended_with(128 + 9)), "the starter ended by signal 9");
  EXPECT_EQ(cause_of(ended_with(1, "mpirun: broken")),
            "the starter ended with code 1; the last line: mpirun: broken");
}

TEST(EndEvent, SaysWhereAHangWasSeenLast) {
  AttemptEnd end = ended_with(143);
  end.hung = true;
  end.silent_seconds = 20;
  EXPECT_EQ(cause_of(end), "no sign of life for 20 s since the start");
  end.last = Heartbeat{.attempt = 2, .beat = 7, .step = 5, .phase = "step"};
  EXPECT_EQ(cause_of(end), "no sign of life for 20 s after \"step\"");
}

}  // namespace
}  // namespace tokenwerk
