#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>

#include "tests/emulator/nccl/test_world.h"

namespace tokenwerk::emulator {
namespace {

using test::DeviceArray;
using test::NcclWorld;

template <typename T>
T element(double value) {
  return static_cast<T>(value);
}
template <>
__half element<__half>(double value) {
  return __double2half(value);
}
template <>
__nv_bfloat16 element<__nv_bfloat16>(double value) {
  return __double2bfloat16(value);
}

template <typename T>
double value_of(T element) {
  return static_cast<double>(element);
}
template <>
double value_of(__half element) {
  return __half2float(element);
}
template <>
double value_of(__nv_bfloat16 element) {
  return __bfloat162float(element);
}

/// Ones, twos and threes: their sums, and products of the first two, are exact in every type.
double input(ncclRedOp_t operation, int rank, std::size_t i) {
  const auto mixed = static_cast<std::size_t>(rank) * 7 + i * 5 + i / 3;
  return static_cast<double>(1 + mixed % (operation == ncclProd ? 2 : 3));
}

double reduced(ncclRedOp_t operation, int ranks, std::size_t i) {
  double result = input(operation, 0, i);
  for (int rank = 1; rank < ranks; ++rank) {
    const double next = input(operation, rank, i);
    switch (operation) {
      case ncclProd: result *= next; break;
      case ncclMax: result = std::max(result, next); break;
      case ncclMin: result = std::min(result, next); break;
      default: result += next; break;
    }
  }
  return operation == ncclAvg ? result / ranks : result;
}

/// A value as the type keeps it: whole numbers are cut off and wrap round.
template <typename T>
double kept(double value) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<double>(static_cast<T>(static_cast<std::int64_t>(value)));
  }
  // Halves are computed in f32, whose quotient rounds once more.
  return value_of(element<T>(static_cast<float>(value)));
}

template <typename T>
std::vector<T> inputs(ncclRedOp_t operation, int rank, std::size_t count) {
  std::vector<T> result;
  for (std::size_t i = 0; i < count; ++i) {
    result.push_back(element<T>(input(operation, rank, i)));
  }
  return result;
}

constexpr ncclRedOp_t operations[] = {ncclSum, ncclProd, ncclMax, ncclMin, ncclAvg};

template <typename T>
void expect_reductions(const NcclWorld& world, ncclDataType_t type) {
  constexpr std::size_t count = 1001;
  for (const auto operation : operations) {
    const DeviceArray<T> send(inputs<T>(operation, world.rank(), count));
    const DeviceArray<T> receive(count);
    EXPECT_EQ(ncclAllReduce(send.data(), receive.data(), count, type, operation, world.comm(),
                            world.stream()),
              ncclSuccess);
    const auto is = receive.values();
    for (std::size_t i = 0; i < count; ++i) {
      const double wanted = reduced(operation, world.size(), i);
      const double exact = std::is_same_v<T, double> ? wanted : kept<T>(wanted);
      ASSERT_EQ(value_of(is[i]), exact)
          << "type " << type << " operation " << operation << " " << i;
    }
  }
}

TEST(EmulatedNccl, ReducesEveryTypeByEveryOperation) {
  const NcclWorld world;
  expect_reductions<std::int8_t>(world, ncclInt8);
  expect_reductions<std::uint8_t>(world, ncclUint8);
  expect_reductions<std::int32_t>(world, ncclInt32);
  expect_reductions<std::uint32_t>(world, ncclUint32);
  expect_reductions<std::int64_t>(world, ncclInt64);
  expect_reductions<std::uint64_t>(world, ncclUint64);
  expect_reductions<__half>(world, ncclFloat16);
  expect_reductions<__nv_bfloat16>(world, ncclBfloat16);
  expect_reductions<float>(world, ncclFloat32);
  expect_reductions<double>(world, ncclFloat64);
}

TEST(EmulatedNccl, ReducesInPlaceAndInManyRounds) {
  const NcclWorld world;
  constexpr std::size_t count = 300'001;
  const DeviceArray<double> data(inputs<double>(ncclSum, world.rank(), count));
  EXPECT_EQ(ncclAllReduce(data.data(), data.data(), count, ncclFloat64, ncclSum, world.comm(),
                          world.stream()),
            ncclSuccess);
  const auto is = data.values();
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(is[i], reduced(ncclSum, world.size(), i)) << i;
  }
}

TEST(EmulatedNccl, AddsInTheOrderOfTheRanks) {
  const NcclWorld world;
  // Only from left to right is the small value of rank 0 lost in the large one of rank 1.
  const float values[] = {1.0f, 0x1p24f, -0x1p24f};
  const DeviceArray<float> data(std::vector<float>{world.rank() < 3 ? values[world.rank()] : 0.0f});
  EXPECT_EQ(ncclAllReduce(data.data(), data.data(), 1, ncclFloat32, ncclSum, world.comm(),
                          world.stream()),
            ncclSuccess);
  const float wanted[] = {1.0f, 0x1p24f, 0.0f};
  EXPECT_EQ(data.values()[0], wanted[std::min(world.size(), 3) - 1]);
}

TEST(EmulatedNccl, ReducesToEveryRoot) {
  const NcclWorld world;
  for (int root = 0; root < world.size(); ++root) {
    const DeviceArray<float> send(inputs<float>(ncclMax, world.rank(), 77));
    const DeviceArray<float> receive(std::vector<float>(77, -1));
    EXPECT_EQ(ncclReduce(send.data(), world.rank() == root ? receive.data() : nullptr, 77,
                         ncclFloat32, ncclMax, root, world.comm(), world.stream()),
              ncclSuccess);
    const auto is = receive.values();
    for (std::size_t i = 0; i < 77; ++i) {
      EXPECT_EQ(is[i], world.rank() == root ? reduced(ncclMax, world.size(), i) : -1.0);
    }
  }
}

TEST(EmulatedNccl, ReducesAndScatters) {
  const NcclWorld world;
  const auto size = static_cast<std::size_t>(world.size());
  const auto rank = static_cast<std::size_t>(world.rank());
  for (const std::size_t count : {std::size_t{1}, std::size_t{1001}, std::size_t{40'007}}) {
    const DeviceArray<float> data(inputs<float>(ncclSum, world.rank(), count * size));
    const DeviceArray<float> apart(count);
    EXPECT_EQ(ncclReduceScatter(data.data(), apart.data(), count, ncclFloat32, ncclSum,
                                world.comm(), world.stream()),
              ncclSuccess);
    const auto is = apart.values();
    EXPECT_EQ(ncclReduceScatter(data.data(), data.data() + rank * count, count, ncclFloat32,
                                ncclSum, world.comm(), world.stream()),
              ncclSuccess);
    const auto in_place = data.values();
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(is[i], reduced(ncclSum, world.size(), rank * count + i));
      ASSERT_EQ(in_place[rank * count + i], is[i]);
    }
  }
}

}  // namespace
}  // namespace tokenwerk::emulator
