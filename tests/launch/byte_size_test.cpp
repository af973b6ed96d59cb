#include "launch/byte_size.h"

#include <gtest/gtest.h>

namespace tokenwerk {
namespace {

TEST(ByteSize, ReadsNumbersWithUnits) {
  EXPECT_EQ(bytes_of_size("4096"), 4096u);
  EXPECT_EQ(bytes_of_size("512 B"), 512u);
  EXPECT_EQ(bytes_of_size("80GB"), 80'000'000'000u);
  EXPECT_EQ(bytes_of_size("180 GiB"), std::size_t{180} << 30);
  EXPECT_EQ(bytes_of_size("1.5KiB"), 1536u);
}

TEST(ByteSize, RefusesWhatIsNoSize) {
  for (const char* text : {"", "GB", "0", "-4GB", "4 gigabytes", "GB4", "1e30", "nanGB",
                           "9999999TiB", "4  GB", "4GB ", "inf"})
    EXPECT_FALSE(bytes_of_size(text)) << text;
}

TEST(ByteSize, IsWrittenInTheLargestUnit) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1024), "1.0 KiB");
  EXPECT_EQ(size_text(std::size_t{3} << 29), "1.5 GiB");
  EXPECT_EQ(size_text(std::size_t{2} << 40), "2.0 TiB");
}

}  // namespace
}  // namespace tokenwerk
