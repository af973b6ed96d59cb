#pragma once
/// What the tests of the stand-in for NCCL share: all ranks of mpirun in one communicator.

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <nccl.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "parallel/comm/control.h"
#include "tests/emulator/runtime/test_support.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk::emulator::test {

inline int mpi_rank() { return ::tokenwerk::test::environment().rank(); }
inline int mpi_size() { return ::tokenwerk::test::environment().size(); }

/// Waits until all ranks are here, by other means than NCCL.
inline void meet() {
  const ::tokenwerk::test::World world;
  EXPECT_TRUE(all_ok(*world.comm, true));
}

/// The same id on all ranks, which hand it round as they would with the real library.
inline ncclUniqueId shared_id() {
  const ::tokenwerk::test::World world;
  ncclUniqueId id{};
  if (mpi_rank() == 0) {
    EXPECT_EQ(ncclGetUniqueId(&id), ncclSuccess);
  }
  const std::string text(id.internal, sizeof id.internal);
  std::memcpy(id.internal, broadcast_string(*world.comm, text).data(), sizeof id.internal);
  return id;
}

/// The communicator of all ranks, and a stream.
class NcclWorld final {
 public:
  NcclWorld() {
    EXPECT_EQ(ncclCommInitRank(&comm_, mpi_size(), shared_id(), mpi_rank()), ncclSuccess);
  }
  NcclWorld(const NcclWorld&) = delete;
  NcclWorld& operator=(const NcclWorld&) = delete;
  ~NcclWorld() {
    static_cast<void>(cudaDeviceSynchronize());
    if (comm_ != nullptr) static_cast<void>(ncclCommDestroy(comm_));
  }

  [[nodiscard]] ncclComm_t comm() const { return comm_; }
  [[nodiscard]] cudaStream_t stream() const { return stream_.get(); }
  [[nodiscard]] int rank() const { return mpi_rank(); }
  [[nodiscard]] int size() const { return mpi_size(); }
  /// Aborts the communicator, as a program does that has heard of an error.
  void abort() { EXPECT_EQ(ncclCommAbort(std::exchange(comm_, nullptr)), ncclSuccess); }

 private:
  ncclComm_t comm_ = nullptr;
  TestStream stream_;
};

/// The error of a communicator, once there is one or work is over; ncclSuccess after two seconds.
inline ncclResult_t await_error(ncclComm_t comm) {
  for (int i = 0; i < 2000; ++i) {
    auto error = ncclSuccess;
    EXPECT_EQ(ncclCommGetAsyncError(comm, &error), ncclSuccess);
    if (error != ncclSuccess && error != ncclInProgress) return error;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return ncclSuccess;
}

/// `count` whole numbers that tell rank and place.
inline std::vector<std::int32_t> numbers_of(int rank, std::size_t count) {
  std::vector<std::int32_t> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    result[i] = rank * 1'000'000 + static_cast<std::int32_t>(i);
  }
  return result;
}

}  // namespace tokenwerk::emulator::test
