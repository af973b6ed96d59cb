#include "launch/data_sheet.h"

#include <gtest/gtest.h>

namespace tokenwerk {
namespace {

TEST(DataSheet, GpusAreKnownByTheNameThatTheDriverTells) {
  EXPECT_EQ(data_sheet_peak("NVIDIA A100-SXM4-80GB", DType::bf16), 312e12);
  EXPECT_EQ(data_sheet_peak("NVIDIA A100 80GB PCIe", DType::f32), 19.5e12);
  EXPECT_EQ(data_sheet_peak("NVIDIA H100 80GB HBM3", DType::bf16), 989.4e12);
  EXPECT_EQ(data_sheet_peak("NVIDIA H100 PCIe", DType::bf16), 756e12);
  EXPECT_EQ(data_sheet_peak("NVIDIA B200", DType::bf16), 2250e12);
}

TEST(DataSheet, NobodyElsesPeakIsTakenForAnUnknownGpu) {
  for (const char* name : {"NVIDIA A10G", "NVIDIA A1000", "NVIDIA L400", "Emulated GPU", ""})
    EXPECT_FALSE(data_sheet_peak(name, DType::bf16)) << name;
}

}  // namespace
}  // namespace tokenwerk
