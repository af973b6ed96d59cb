/// The progress line on a terminal, in a file, and on ranks that stay silent.

#include "launch/progress.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tokenwerk {
namespace {

StepMetrics step(Index number) {
  return {.step = number,
          .loss = 3.41258,
          .learning_rate = 2.9e-4,
          .grad_norm = 1.0625,
          .step_seconds = 0.5,
          .tokens_per_second = 12345.6,
          .mfu = 0.6123,
          .eta_seconds = 200};
}

/// A console that a test can read.
class Output {
 public:
  ~Output() { std::fclose(file_); }
  [[nodiscard]] Console console(Console::Kind kind) const { return {file_, kind}; }
  [[nodiscard]] std::string text() const {
    std::string bytes(static_cast<std::size_t>(std::ftell(file_)), '\0');
    std::rewind(file_);
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file_));
    return bytes;
  }

 private:
  std::FILE* file_ = std::tmpfile();
};

constexpr const char* whole =
    "step 120/2000  loss 3.4126  lr 2.90e-04  grad norm 1.062  12.3k tokens/s  MFU 61.2 %  ETA 3 "
    "min 20 s";

TEST(Progress, ShowsEveryMeasuredFigure) {
  EXPECT_EQ(progress_text(step(120), 2000, 1000), whole);
  EXPECT_EQ(progress_text(step(120), 2000, static_cast<int>(std::string_view(whole).size())),
            whole);
  StepMetrics metrics = step(120);
  metrics.mfu.reset();
  metrics.eta_seconds.reset();
  EXPECT_EQ(progress_text(metrics, 2000, 1000),
            "step 120/2000  loss 3.4126  lr 2.90e-04  grad norm 1.062  12.3k tokens/s");
}

TEST(Progress, NamesAStraggler) {
  StepMetrics metrics = step(120);
  metrics.straggler = "rank 3 host n2";
  EXPECT_NE(progress_text(metrics, 2000, 1000).find("tokens/s  slow: rank 3 host n2  MFU"),
            std::string::npos);
}

TEST(Progress, SaysThatAStepWasSkippedBeforeAnyFigure) {
  StepMetrics metrics = step(120);
  metrics.skipped = true;
  EXPECT_EQ(progress_text(metrics, 2000, 36), "step 120/2000  skipped  loss 3.4126");
}

TEST(Progress, LeavesOutWhatDoesNotFit) {
  EXPECT_EQ(progress_text(step(120), 2000, 30), "step 120/2000  loss 3.4126");
  EXPECT_EQ(progress_text(step(120), 2000, 26), "step 120/2000  loss 3.4126");
  EXPECT_EQ(progress_text(step(120), 2000, 25), "step 120/2000");
  EXPECT_EQ(progress_text(step(120), 2000, 3), "step 120/2000");
}

TEST(Progress, WritesDurationsAsPeopleDo) {
  EXPECT_EQ(duration_text(0.4), "0 s");
  EXPECT_EQ(duration_text(59.6), "1 min 00 s");
  EXPECT_EQ(duration_text(3599), "59 min 59 s");
  EXPECT_EQ(duration_text(3 * 3600 + 65), "3 h 01 min");
  EXPECT_EQ(duration_text(50 * 3600), "2 d 02 h");
  EXPECT_EQ(duration_text(-1), "?");
  EXPECT_EQ(duration_text(1.0 / 0.0), "?");
}

TEST(Progress, AFileGetsALineNowAndThenAndTheLastOne) {
  const Output output;
  {
    ProgressLine progress(output.console(Console::Kind::lines), 10, 25);
    for (Index i = 1; i <= 25; ++i) progress.show(step(i));
    progress.note("saved");
  }
  const std::string text = output.text();
  for (const char* shown : {"step 10/25  ", "step 20/25  ", "step 25/25  "})
    EXPECT_NE(text.find(shown), std::string::npos) << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 4);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_TRUE(text.ends_with("\nsaved\n"));
}

TEST(Progress, ATerminalGetsOneLineThatNotesGoAbove) {
  const Output output;
  {
    ProgressLine progress(output.console(Console::Kind::terminal), 10, 25);
    progress.show(step(1));
    progress.show(step(2));
    progress.note("saved");
  }
  // No terminal stands behind this file, so the width is the usual one of 79.
  const std::string erase = "\r\x1b[K";
  const std::string one = progress_text(step(1), 25, 79), two = progress_text(step(2), 25, 79);
  EXPECT_EQ(output.text(), one + erase + two + erase + "saved\n" + two + "\n");
}

TEST(Progress, AFullDiskEndsNothing) {
  std::FILE* const full = std::fopen("/dev/full", "w");
  ASSERT_NE(full, nullptr);
  {
    ProgressLine progress({full, Console::Kind::lines}, 1, 1000);
    for (Index i = 1; i <= 1000; ++i) progress.show(step(i));
    progress.note("saved");
  }
  EXPECT_EQ(std::ferror(full), 0);
  EXPECT_EQ(std::fclose(full), 0);
}

TEST(Progress, OtherRanksAreSilent) {
  const Output output;
  {
    ProgressLine progress(output.console(Console::Kind::silent), 1, 25);
    progress.show(step(1));
    progress.note("saved");
  }
  EXPECT_EQ(output.text(), "");
  EXPECT_EQ(standard_console(1).kind, Console::Kind::silent);
}

}  // namespace
}  // namespace tokenwerk
