/// metrics.jsonl: fields, exact numbers, resuming.

#include "launch/metrics.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

StepMetrics step(Index number) {
  return {.step = number,
          .loss = 4.5,
          .learning_rate = 3e-4,
          .grad_norm = 1.25,
          .tokens = 512 * number,
          .step_seconds = 0.5,
          .tokens_per_second = 1024};
}

/// The steps of a file's lines; a validation's step is negative.
std::vector<Index> steps_of(const std::string& text) {
  std::vector<Index> steps;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    const Index number = json.at("step");
    steps.push_back(json.contains("validation_loss") ? -number : number);
  }
  return steps;
}

TEST(Metrics, ALineHasEveryFieldInOrderAndNullForWhatIsNotMeasured) {
  StepMetrics metrics = step(3);
  EXPECT_EQ(json_line(metrics),
            R"({"step":3,"loss":4.5,"learning_rate":0.0003,"grad_norm":1.25,"tokens":1536,)"
            R"("step_seconds":0.5,"tokens_per_second":1024.0,"mfu":null,"memory_peak_bytes":null,)"
            R"("comm_exposed_fraction":null,"data_wait_fraction":null,"joules_per_token":null,)"
            R"("eta_seconds":null,"goodput":null})");
  metrics.mfu = 0.5;
  metrics.memory_peak_bytes = Index{1} << 40;
  metrics.eta_seconds = 60;
  const auto json = nlohmann::json::parse(json_line(metrics));
  EXPECT_EQ(json["mfu"], 0.5);
  EXPECT_EQ(json["memory_peak_bytes"], Index{1} << 40);
  EXPECT_EQ(json["eta_seconds"], 60.0);
  metrics.skipped = true;
  EXPECT_EQ(nlohmann::json::parse(json_line(metrics)).value("skipped", false), true);
  EXPECT_EQ(json_line(ValidationMetrics{250, 3.5}), R"({"step":250,"validation_loss":3.5})");
}

TEST(Metrics, NumbersReadBackAsTheSameBits) {
  for (double value : {0.1 + 0.2, 1.0 / 3, 4.9e-324, 1.7976931348623157e308, 123456789.123456789}) {
    StepMetrics metrics = step(1);
    metrics.loss = value;
    EXPECT_EQ(nlohmann::json::parse(json_line(metrics))["loss"].get<double>(), value);
  }
}

TEST(Metrics, ALossThatIsNoNumberIsNull) {
  StepMetrics metrics = step(1);
  metrics.loss = std::numeric_limits<double>::quiet_NaN();
  metrics.grad_norm = std::numeric_limits<double>::infinity();
  const auto json = nlohmann::json::parse(json_line(metrics));
  EXPECT_TRUE(json["loss"].is_null());
  EXPECT_TRUE(json["grad_norm"].is_null());
}

TEST(MetricsWriter, EachLineIsThereAtOnce) {
  const test::TemporaryFolder folder;
  MetricsWriter writer(folder / "metrics.jsonl", std::nullopt);
  writer.write(step(1));
  EXPECT_EQ(steps_of(test::read_file(folder / "metrics.jsonl")), std::vector<Index>({1}));
  writer.write(ValidationMetrics{1, 4.0});
  EXPECT_EQ(steps_of(test::read_file(folder / "metrics.jsonl")), std::vector<Index>({1, -1}));
}

TEST(MetricsWriter, AResumedRunKeepsWholeLinesUpToItsStep) {
  const test::TemporaryFolder folder;
  std::string text;
  for (Index i = 1; i <= 6; ++i) {
    text += json_line(step(i)) + "\n";
    if (i % 2 == 0) text += json_line(ValidationMetrics{i, 4.0}) + "\n";
  }
  test::write_file(folder / "metrics.jsonl", text + R"({"step":7,"lo)");
  MetricsWriter writer(folder / "metrics.jsonl", 4);
  writer.write(step(5));
  EXPECT_EQ(steps_of(test::read_file(folder / "metrics.jsonl")),
            std::vector<Index>({1, 2, -2, 3, 4, -4, 5}));
}

TEST(MetricsWriter, ALastLineWithoutItsEndIsCutEvenIfItReadsWell) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "metrics.jsonl", json_line(step(1)) + "\n" + json_line(step(2)));
  MetricsWriter writer(folder / "metrics.jsonl", 9);
  EXPECT_EQ(steps_of(test::read_file(folder / "metrics.jsonl")), std::vector<Index>({1}));
}

TEST(MetricsWriter, AResumedRunDropsDamagedLines) {
  const test::TemporaryFolder folder;
  test::write_file(
      folder / "metrics.jsonl",
      json_line(step(1)) + "\n\xff{]\n[]\n{\"step\":\"x\"}\n" + json_line(step(2)) + "\n");
  MetricsWriter writer(folder / "metrics.jsonl", 9);
  EXPECT_EQ(steps_of(test::read_file(folder / "metrics.jsonl")), std::vector<Index>({1, 2}));
}

TEST(MetricsWriter, AFreshRunLeavesTheOldFileBeside) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "metrics.jsonl", "old\n");
  MetricsWriter writer(folder / "metrics.jsonl", std::nullopt);
  EXPECT_EQ(test::read_file(folder / "metrics.jsonl"), "");
  EXPECT_EQ(test::read_file(folder / "metrics.previous.jsonl"), "old\n");
}

TEST(MetricsWriter, AResumedRunCutsItsFileOnAFullDiskToo) {
  const test::TemporaryFolder folder;
  std::string text;
  for (Index i = 1; i <= 6; ++i) text += json_line(step(i)) + "\n";
  test::write_file(folder / "metrics.jsonl", text + R"({"step":7,"lo)");
  std::optional<test::FileSizeLimit> full(0);
  MetricsWriter writer(folder / "metrics.jsonl", 4);
  EXPECT_EQ(writer.kept_seconds(), 4 * 0.5);
  writer.write(step(5));
  EXPECT_EQ(steps_of(test::read_file(folder / "metrics.jsonl")), std::vector<Index>({1, 2, 3, 4}));
  full.reset();
  writer.write(step(6));
  EXPECT_EQ(steps_of(test::read_file(folder / "metrics.jsonl")),
            std::vector<Index>({1, 2, 3, 4, 5, 6}));
}

TEST(MetricsWriter, OnAFullDiskDamagedLinesStayAndThoseAfterTheStepGo) {
  const test::TemporaryFolder folder;
  const std::string kept = json_line(step(1)) + "\n[]\n" + json_line(step(2)) + "\n";
  test::write_file(folder / "metrics.jsonl", kept + json_line(step(3)) + "\n");
  const test::FileSizeLimit full(0);
  const MetricsWriter writer(folder / "metrics.jsonl", 2);
  EXPECT_EQ(test::read_file(folder / "metrics.jsonl"), kept);
  EXPECT_FALSE(std::filesystem::exists(folder / "metrics.jsonl.tmp"));
}

TEST(MetricsWriter, GoingBackForgetsLaterLinesOfFileAndMemory) {
  const test::TemporaryFolder folder;
  MetricsWriter writer(folder / "metrics.jsonl", std::nullopt);
  for (Index i = 1; i <= 3; ++i) writer.write(step(i));
  std::optional<test::FileSizeLimit> full(0);
  for (Index i = 4; i <= 6; ++i) writer.write(step(i));
  writer.rewind(5);
  EXPECT_EQ(writer.kept_seconds(), 5 * 0.5);
  full.reset();
  writer.rewind(4);
  EXPECT_EQ(writer.kept_seconds(), 4 * 0.5);
  writer.rewind(2);
  writer.write(step(3));
  EXPECT_EQ(steps_of(test::read_file(folder / "metrics.jsonl")), std::vector<Index>({1, 2, 3}));
}

TEST(MetricsWriter, AFileThatCannotBeEndsNothing) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "file", "");
  MetricsWriter writer(folder / "file/metrics.jsonl", std::nullopt);
  writer.write(step(1));
}

}  // namespace
}  // namespace tokenwerk
