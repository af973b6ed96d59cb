/// What is measured of a machine is there and plausible; how fast it is, no test says.

#include "launch/machine.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "launch/doctor.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

TEST(Machine, HasAMatrixPeakInBothPrecisions) {
  const auto device = make_device(DeviceKind::cpu);
  const auto stream = device->make_stream();
  for (DType dtype : {DType::f32, DType::bf16})
    EXPECT_GT(measured_matrix_peak(*device, *stream, dtype), 1e7);
  EXPECT_EQ(device->memory().current, 0u);
}

TEST(Machine, HasBandwidthCoresAndMemory) {
  const auto device = make_device(DeviceKind::cpu);
  EXPECT_GT(measured_memory_bandwidth(*device), 1e6);
  EXPECT_GE(cores().usable, 1);
  EXPECT_GE(cores().present, cores().usable);
  EXPECT_GT(host_memory().total, host_memory().available);
  EXPECT_GT(host_memory().available, 0u);
}

TEST(Machine, CountsHardwareThreadsOfACoreOnce) {
  const test::TemporaryFolder system;  // four cores of two threads, as Linux numbers them
  for (int i = 0; i < 8; ++i)
    test::write_file(system.path() / fmt::format("cpu{}/topology/thread_siblings_list", i),
                     fmt::format("{},{}\n", i % 4, i % 4 + 4));
  EXPECT_EQ(physical_cores({0, 1, 2, 3, 4, 5, 6, 7}, system.path()), 4);
  EXPECT_EQ(physical_cores({1, 5, 6}, system.path()), 2);
  EXPECT_EQ(physical_cores({1, 5, 9, 10}, system.path()), 3) << "of 9 and 10 nothing is known";
  EXPECT_LE(cores().physical, cores().usable);
}

TEST(Machine, MeasuresADiskAndLeavesNothingThere) {
  const test::TemporaryFolder folder;
  const DiskSpeed speed = measured_disk_speed(folder.path(), 1 << 20);
  EXPECT_GT(speed.write, 0.0);
  EXPECT_GT(speed.read, 0.0);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_THROW((void)measured_disk_speed("/no/such/folder", 1), Error);
}

TEST(Doctor, ReportsBinaryAndMachineAndADiskThatCannotBeWritten) {
  MpiEnvironment alone;
  const std::string report =
      doctor_report(alone, {.folder = "/no/such/folder", .disk_megabytes = 1});
  for (const char* part :
       {"tokenwerk ", "compiler", "oneDNN", "HDF5", "MPI", "1 on 1 host", "kernels", "matrix peak",
        "bandwidth", "/no/such/folder: no file can be made here"})
    EXPECT_NE(report.find(part), std::string::npos) << part << " in\n" << report;
}

}  // namespace
}  // namespace tokenwerk
