/// TensorBoard's files, byte for byte.

#include "launch/tensorboard.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

TEST(TensorBoard, Crc32cEqualsTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

// The expected bytes below were written by the tensorboard package (2.21, its EventFileWriter and
// RecordWriter) for the same events.
TEST(TensorBoard, EventsEqualThePackagesBytes) {
  EXPECT_EQ(version_event(1.5), from_hex("09000000000000f83f1a0d627261696e2e4576656e743a32"));
  EXPECT_EQ(start_event(1.5, 300), from_hex("09000000000000f83f10ac023a020801"));
  EXPECT_EQ(scalar_event(1.5, 300, "loss", 2.25),
            from_hex("09000000000000f83f10ac022a0d0a0b0a046c6f73731500001040"));
}

TEST(TensorBoard, RecordsEqualThePackagesBytes) {
  EXPECT_EQ(
      tfrecord(version_event(1.5)),
      from_hex("1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"));
}

TEST(TensorBoard, AFileBeginsWithVersionAndStartAndHasACurvePerMeasuredField) {
  const test::TemporaryFolder folder;
  TensorBoardWriter writer(folder.path(), 40);
  writer.write(StepMetrics{.step = 41, .loss = 3.0, .mfu = 0.5});
  writer.write(ValidationMetrics{41, 3.5});
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    files.push_back(entry.path());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].filename().string().find("events.out.tfevents."), 0u);
  const std::string bytes = test::read_file(files[0]);
  std::vector<std::string> events;
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data() + at, sizeof size);
    events.push_back(bytes.substr(at + 12, size));
    EXPECT_EQ(bytes.substr(at, size + 16), tfrecord(events.back()));
    at += size + 16;
  }
  ASSERT_EQ(events.size(), 2u + 6u + 1u);
  constexpr std::size_t time = 9;  // an event begins with its wall time
  EXPECT_EQ(events[0].substr(time), version_event(0).substr(time));
  EXPECT_EQ(events[1].substr(time), start_event(0, 40).substr(time));
  EXPECT_EQ(events[2].substr(time), scalar_event(0, 41, "loss", 3.0).substr(time));
  EXPECT_EQ(events[7].substr(time), scalar_event(0, 41, "mfu", 0.5).substr(time));
  EXPECT_EQ(events[8].substr(time), scalar_event(0, 41, "validation_loss", 3.5).substr(time));
}

TEST(TensorBoard, AFullDiskCutsNoRecordAndLosesNoPoint) {
  const test::TemporaryFolder folder;
  TensorBoardWriter writer(folder.path(), 0);
  const std::filesystem::path file = std::filesystem::directory_iterator(folder.path())->path();
  const auto size = std::filesystem::file_size(file);
  {
    const test::FileSizeLimit full(size + 20);
    writer.write(ValidationMetrics{1, 3.5});
    EXPECT_EQ(std::filesystem::file_size(file), size);
  }
  writer.write(ValidationMetrics{2, 3.25});
  const std::string bytes = test::read_file(file);
  const std::size_t one = bytes.find("validation_loss"), two = bytes.rfind("validation_loss");
  EXPECT_NE(one, std::string::npos);
  EXPECT_NE(one, two);
}

TEST(TensorBoard, AFolderThatIsNotThereEndsNothing) {
  TensorBoardWriter("/no/such/folder", 0).write(ValidationMetrics{1, 3.5});
}

}  // namespace
}  // namespace tokenwerk
