/// Schedules as text: what is written reads back; what is wrong is named by line and column.

#include "parallel/pipeline/schedule_text.h"

#include <gmock/gmock.h>

#include <random>

#include "core/error.h"
#include "parallel/pipeline/validate.h"
#include "tests/parallel/pipeline/every_shape.h"

namespace tokenwerk::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

std::string refusal(std::string_view text) {
  try {
    (void)read_schedule(text, "mine");
  } catch (const ScheduleError& error) {
    return error.what();
  }
  return "";
}

TEST(ScheduleText, ReadsBackAsAnEqualSchedule) {
  for_each_schedule([](std::string_view name, const ScheduleShape& shape) {
    if (shape.microbatches > 12) return;
    const PipelineSchedule schedule = make_schedule(name, shape);
    EXPECT_EQ(read_schedule(text_of(schedule), schedule.name), schedule);
  });
}

TEST(ScheduleText, TakesCommentsBlanksAndLinesInAnyOrder) {
  const PipelineSchedule schedule =
      read_schedule("# mine\n\n rank 1 :1F0 1B0 # the last\r\n\trank 0: \t0F0   0B0", "mine");
  EXPECT_EQ(text_of(schedule), "rank 0: 0F0 0B0\nrank 1: 1F0 1B0\n");
  EXPECT_EQ(schedule.microbatches, 1);
  EXPECT_THAT(schedule.rank_of_stage, ElementsAre(0, 1));
}

TEST(ScheduleText, AFaultyWordIsNamedByLineAndColumn) {
  EXPECT_EQ(refusal("# mine\nrank 0: 0F0 0X1\n"),
            "mine, line 2, column 13: '0X1' is no action: write the stage (below 4096), F, B, I or "
            "W, and the micro-batch (below 4194304), as in 2F0");
  for (const char* action : {"F0", "0F", "0f0", "-1F0", "0F-1", "0F0B", "4096F0", "0F4194304", "0F",
                             "99999999999F0", "0 F0", "+0F0", ":"})
    EXPECT_THAT(refusal(std::string("rank 0: ") + action), HasSubstr("mine, line 1, column 9: '"))
        << action;
}

TEST(ScheduleText, AFaultyLineIsNamed) {
  for (const char* line : {"0F0 0B0", "rank: 0F0", "rank 0 0F0", "rank x: 0F0", "rank", "rank 0",
                           "Rank 0: 0F0", "rank 0x: 0F0", "rank -1: 0F0", "rank 5000: 0F0"})
    EXPECT_THAT(refusal(line), HasSubstr("does not begin a rank: a line reads 'rank 0: 0F0 ...'"))
        << line;
  EXPECT_THAT(refusal(""), HasSubstr("no ranks"));
}

TEST(ScheduleText, RanksThatAreDoubledOrTooLargeAreNamed) {
  EXPECT_EQ(refusal("rank 0: 0F0\nrank 0: 0B0\nrank 7: 1F0\n"),
            "mine, line 2, column 6: rank 0 stands in line 1 already: a rank has one line\n"
            "mine, line 3, column 6: rank 7 in a text of 3 ranks: they are 0 to 2");
}

TEST(ScheduleText, AllFaultsAreReportedTogether) {
  const std::string text = refusal("rank 0: 0F 0B0 B1\nnonsense\n");
  EXPECT_THAT(text, HasSubstr("line 1, column 9: "));
  EXPECT_THAT(text, HasSubstr("line 1, column 16: "));
  EXPECT_THAT(text, HasSubstr("line 2, column 1: "));
}

TEST(ScheduleText, FaultsArePrintableWhateverTheTextAndNotWithoutEnd) {
  const std::string bytes("rank 0: 0F0 \0\x1b[31m\xff\n", 20);
  EXPECT_THAT(refusal(bytes), HasSubstr("column 13: '\\x00\\x1b[31m\\xff' is no action"));
  EXPECT_THAT(refusal(std::string(1000, 'x')),
              HasSubstr(": '" + std::string(40, 'x') + "...' does not begin a rank"));
  std::string lines;
  for (int i = 0; i < 25; ++i) lines += "bad\n";
  const std::string text = refusal(lines);
  EXPECT_THAT(text,
              AllOf(HasSubstr("line 20, "), Not(HasSubstr("line 21, ")), EndsWith("\nand 5 more")));
  EXPECT_EQ(parse_schedule(lines, "mine").faults.count(), 25u);
}

/// Whatever the bytes: a ScheduleError, or a schedule that `validate` can judge.
TEST(ScheduleText, NoTextCrashesTheReader) {
  std::mt19937 random(1);
  const std::string sound = text_of(make_schedule("zb-v", {3, 3}));
  const std::string letters = "0123456789FBIWrank :#\n\t\r-\xff";
  int read = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = sound.substr(0, random() % 4 == 0 ? random() % sound.size() : sound.size());
    for (std::size_t change = random() % 4; change-- > 0 && !text.empty();) {
      const std::size_t place = random() % text.size();
      const char letter = letters[random() % letters.size()];
      switch (random() % 3) {
        case 0: text[place] = letter; break;
        case 1: text.insert(place, 1, letter); break;
        default: text.erase(place, random() % 5);
      }
    }
    try {
      const PipelineSchedule schedule = read_schedule(text, "mutated");
      (void)validate(schedule);
      ++read;
    } catch (const ScheduleError&) {
      ++refused;
    }
  }
  EXPECT_GT(read, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace tokenwerk::test
