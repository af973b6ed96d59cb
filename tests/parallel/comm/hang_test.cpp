/// Ranks that call different things: found before the call, or explained once they hang.

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "parallel/comm/control.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk::test {
namespace {

constexpr std::uint_least32_t line_before_calls = __LINE__ + 7;

/// The last rank broadcasts where the others sum.
void call_different_things(Communicator& comm) {
  const bool last = comm.rank() == comm.size() - 1;
  std::array<float, 64> values{};
  const TensorView x{values.data(), Shape{64}, 64, DType::f32, &comm.device()};
  const auto stream = comm.device().make_stream();
  if (last)
    comm.broadcast(*stream, x, 0);
  else
    comm.all_reduce(*stream, x);
}

/// Run by ctest under names that expect their words and end.
TEST(Hang, DISABLED_DifferentCallsAreExplained) {
  environment().watch(1.0);
  const auto device = make_device(DeviceKind::cpu);
  const auto comm = environment().make_world(*device);
  call_different_things(*comm);
  comm->barrier();
}

TEST(Hang, DISABLED_ARankThatCallsNothingIsToldApart) {
  environment().watch(1.0);
  const auto device = make_device(DeviceKind::cpu);
  const auto comm = environment().make_world(*device);
  if (comm->rank() == 1) std::this_thread::sleep_for(std::chrono::seconds(100));
  comm->barrier();
}

TEST(Hang, DifferentCallsAreFoundBeforeTheyHang) {
  const auto device = make_device(DeviceKind::cpu);
  const auto comm = environment().make_world(*device);
  comm->check_calls_over(environment().make_world(*device));
  comm->barrier();
  if (comm->size() == 1) return;
  std::string message;
  try {
    call_different_things(*comm);
  } catch (const CommError& error) {
    message = error.what();
  }
  const std::string file = "tests/parallel/comm/hang_test.cpp:";
  EXPECT_NE(message.find("rank 0 calls all_reduce, sum of 64 f32 (256 bytes) 2 at " + file +
                         std::to_string(line_before_calls + 4)),
            std::string::npos)
      << message;
  const std::string last = std::to_string(comm->size() - 1);
  EXPECT_NE(message.find("rank " + last + " calls broadcast from rank 0, 64 f32 (256 bytes) 2 at " +
                         file + std::to_string(line_before_calls + 2)),
            std::string::npos)
      << message;
  EXPECT_EQ(all_reduce(*comm, Index{1}), comm->size());  // what all call goes on
}

}  // namespace
}  // namespace tokenwerk::test
