/// Kernels compiled by nvcc, against the same computed on the host.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "core/dtype.h"
#include "tests/emulator/device_array.h"
#include "tests/emulator/kernels/kernels.h"

namespace tokenwerk::emulator {
namespace {

std::vector<float> random_values(std::size_t n, float low, float high) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> distribution(low, high);
  std::vector<float> values(n);
  for (float& value : values) value = distribution(random);
  return values;
}

std::vector<std::uint16_t> to_bf16(const std::vector<float>& values) {
  std::vector<std::uint16_t> bits;
  for (const float value : values) bits.push_back(BFloat16(value).bits);
  return bits;
}

float from_bf16(std::uint16_t bits) {
  BFloat16 value;
  value.bits = bits;
  return static_cast<float>(value);
}

TEST(Kernels, SumBlocksByShuffles) {
  DeviceArray<float> x(random_values(256 * 5, -1, 1));
  DeviceArray<float> sums(5);
  kernels::block_sums(sums.device(), x.device(), 5);
  for (std::size_t b = 0; b < 5; ++b) {
    const auto begin = x.host().begin() + static_cast<std::ptrdiff_t>(256 * b);
    EXPECT_NEAR(sums[b], std::accumulate(begin, begin + 256, 0.0), 1e-4);
  }
}

TEST(Kernels, SumBf16InSingles) {
  DeviceArray<std::uint16_t> x(to_bf16(random_values(256 * 3, -4, 4)));
  DeviceArray<std::uint16_t> sums(3);
  kernels::block_sums_bf16(sums.device(), x.device(), 3);
  for (std::size_t b = 0; b < 3; ++b) {
    double sum = 0;
    for (std::size_t i = 0; i < 256; ++i) sum += from_bf16(x[256 * b + i]);
    EXPECT_NEAR(from_bf16(sums[b]), sum, 0.004 * std::fabs(sum) + 1e-3);
  }
}

TEST(Kernels, CountByAtomics) {
  std::vector<unsigned> values(1000);
  for (unsigned i = 0; i < 1000; ++i) values[i] = i * i % 91;
  DeviceArray<unsigned> x(values);
  DeviceArray<unsigned> bins(16);
  DeviceArray<float> total(1);
  DeviceArray<double> total64(1);
  DeviceArray<unsigned long long> count(1);
  kernels::histogram(bins.device(), total.device(), total64.device(), count.device(), x.device(),
                     1000);
  std::vector<unsigned> expected(16);
  for (const unsigned value : values) ++expected[value % 16];
  EXPECT_EQ(bins.host(), expected);
  const unsigned sum = std::accumulate(values.begin(), values.end(), 0u);
  EXPECT_EQ(total[0], static_cast<float>(sum));
  EXPECT_EQ(total64[0], sum);
  EXPECT_EQ(count[0], 1000u);
}

TEST(Kernels, ExchangeValuesInWarps) {
  std::vector<int> values(96);
  for (int i = 0; i < 96; ++i) values[static_cast<std::size_t>(i)] = i * 7 % 5;
  DeviceArray<int> x(values);
  DeviceArray<int> out(6 * 96);
  kernels::warp_exchanges(out.device(), x.device(), 3);
  for (std::size_t i = 0; i < 96; ++i) {
    const std::size_t first = i / 32 * 32;
    unsigned same = 0;
    unsigned above = 0;
    int sum = 0;
    int prefix = 0;
    for (std::size_t j = first; j < first + 32; ++j) {
      same |= static_cast<unsigned>(values[j] == values[i]) << (j - first);
      above |= static_cast<unsigned>(values[j] > 2) << (j - first);
      sum += values[j];
      if (j <= i) prefix += values[j];
    }
    const std::size_t neighbour = i / 8 * 8 + (i + 1) % 8;
    EXPECT_EQ(static_cast<unsigned>(out[6 * i]), same);
    EXPECT_EQ(out[6 * i + 1], sum);
    EXPECT_EQ(static_cast<unsigned>(out[6 * i + 2]), above);
    EXPECT_EQ(out[6 * i + 3], 3);
    EXPECT_EQ(out[6 * i + 4], prefix);
    EXPECT_EQ(out[6 * i + 5], values[neighbour]);
  }
}

TEST(Kernels, TransposeThroughSharedMemory) {
  constexpr int rows = 45;
  constexpr int columns = 70;
  DeviceArray<float> from(random_values(rows * columns, -1, 1));
  DeviceArray<float> to(rows * columns);
  kernels::transpose(to.device(), from.device(), rows, columns);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) EXPECT_EQ(to[c * rows + r], from[r * columns + c]);
}

TEST(Kernels, IndexWith64Bits) {
  DeviceArray<float> from(random_values(100, -1, 1));
  DeviceArray<float> to(100 * 3);
  kernels::scatter(to.device(), from.device(), 100, 3);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(to[3 * i], from[i]);
}

TEST(Kernels, UseConstantsAndGlobals) {
  const std::vector<float> table{1, 2, 3, 4, 5, 6, 7, 8};
  kernels::set_table(table.data());
  DeviceArray<float> y(16);
  kernels::use_symbols(y.device(), 16);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(y[i], table[i % 8] + 7);
  kernels::use_symbols(y.device(), 16);
  EXPECT_EQ(y[0], 1 + 8);
  const auto address = reinterpret_cast<std::uint64_t>(kernels::counter_on_device());
  EXPECT_EQ(*reinterpret_cast<int*>(memory_map().bytes_at(address, 4)), 9);
}

TEST(Kernels, CopyAsynchronously) {
  DeviceArray<float> x(random_values(256, -1, 1));
  DeviceArray<float> y(256);
  kernels::reverse_async(y.device(), x.device(), 256);
  for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(y[i], x[255 - i]);
}

TEST(Kernels, PartAndMeetInLoops) {
  DeviceArray<int> steps(200);
  kernels::collatz(steps.device(), 200);
  for (std::size_t i = 0; i < 200; ++i) {
    int count = 0;
    for (std::size_t x = i + 1; x != 1; ++count) x = x % 2 == 0 ? x / 2 : 3 * x + 1;
    EXPECT_EQ(steps[i], count);
  }
}

TEST(Kernels, ChooseByCases) {
  constexpr int n = 40;
  std::vector<int> cases(n);
  for (int i = 0; i < n; ++i) cases[static_cast<std::size_t>(i)] = i * 5 % 13;
  DeviceArray<int> x(cases);
  DeviceArray<int> y(n);
  kernels::choose(y.device(), x.device(), n);
  for (int i = 0; i < n; ++i) {
    const int expected[] = {i * 3, i * i,  i / 3,  i % 7, i ^ 3,    1 - i,
                            77,    i << 3, i | 64, -i,    i * i * i};
    const int which = cases[static_cast<std::size_t>(i)];
    if (which == 11) continue;  // reads what another lane may have written
    EXPECT_EQ(y[static_cast<std::size_t>(i)], which == 12 ? -1 : expected[which]) << i;
  }
}

TEST(Kernels, CallFunctions) {
  DeviceArray<float> x(random_values(64, -1, 1));
  DeviceArray<float> y(64);
  kernels::call_functions(y.device(), x.device(), 64);
  for (std::size_t i = 0; i < 64; ++i) {
    const double v = x[i];
    const double slopes[] = {2, 2 + 6 * v, 2 + 6 * v + 12 * v * v};
    double expected = 1 + 2 * v + 3 * v * v + 4 * v * v * v + 1 + static_cast<double>(i % 4);
    for (std::size_t k = 0; k < i % 4; ++k) expected += slopes[k];
    EXPECT_NEAR(y[i], expected, 1e-4) << i;
  }
}

TEST(Kernels, KeepArraysOfTheirOwn) {
  constexpr int n = 23;
  DeviceArray<float> y(40);
  kernels::use_local_array(y.device(), n);
  // use_local_array is launched with n threads.
  for (int i = 0; i < n; ++i) {
    float cells[16];
    for (int k = 0; k < 16; ++k) cells[k] = static_cast<float>(k * i);
    for (int k = 0; k < n; ++k) cells[k * 5 % 16] += cells[(k * 3 + i) % 16];
    EXPECT_EQ(y[static_cast<std::size_t>(i)], cells[n % 16]);
  }
}

__extension__ using Wide = __int128;

unsigned reversed(unsigned x) {
  unsigned y = 0;
  for (int i = 0; i < 32; ++i) y |= (x >> i & 1) << (31 - i);
  return y;
}

TEST(Kernels, ComputeWithWideIntegers) {
  constexpr int n = 40;
  std::mt19937_64 random(3);
  std::vector<long long> values(n);
  for (auto& value : values) value = static_cast<long long>(random()) >> (random() % 40);
  DeviceArray<long long> x(values);
  DeviceArray<long long> y(6 * n);
  kernels::wide_integers(y.device(), x.device(), n);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    const long long a = values[i];
    const long long b = values[i + 1];
    const Wide product = static_cast<Wide>(a) * b + a;
    EXPECT_EQ(y[6 * i], static_cast<long long>(product >> 64));
    EXPECT_EQ(y[6 * i + 1], static_cast<long long>(product));
    EXPECT_EQ(y[6 * i + 2], b == 0 ? 0 : a / b);
    EXPECT_EQ(y[6 * i + 3], b == 0 ? 0 : a % b);
    __extension__ using Unsigned = unsigned __int128;
    const auto high =
        static_cast<unsigned long long>((static_cast<Unsigned>(static_cast<unsigned long long>(a)) *
                                         static_cast<unsigned long long>(b)) >>
                                        64);
    const auto shifted = static_cast<unsigned long long>(a) << i % 64;
    EXPECT_EQ(static_cast<unsigned long long>(y[6 * i + 4]),
              shifted ^ static_cast<unsigned long long>(b >> i % 64) ^ high);
    const auto low = static_cast<unsigned>(a);
    const auto funnel = static_cast<unsigned>(
        ((static_cast<std::uint64_t>(static_cast<unsigned>(b)) << 32 | low) << (i & 31)) >> 32);
    const unsigned counts = static_cast<unsigned>(
        __builtin_popcountll(static_cast<unsigned long long>(a)) +
        (b == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(b))) + __builtin_ffsll(a));
    EXPECT_EQ(static_cast<unsigned>(y[6 * i + 5]), counts + reversed(low) + funnel);
  }
}

TEST(Kernels, AxpyInNarrowFormats) {
  DeviceArray<std::uint16_t> x(to_bf16(random_values(128, -2, 2)));
  DeviceArray<std::uint16_t> y(to_bf16(random_values(128, -3, 1)));
  DeviceArray<std::uint16_t> pairs(y.host());
  const std::vector<std::uint16_t> before = y.host();
  kernels::bf16_axpy(y.device(), x.device(), 1.5f, 128);
  kernels::bf16_axpy_pairs(pairs.device(), x.device(), 1.5f, 128);
  for (std::size_t i = 0; i < 128; ++i) {
    const float product = 1.5f * from_bf16(x[i]);
    const BFloat16 fused(product + from_bf16(before[i]));
    const BFloat16 twice(static_cast<float>(BFloat16(product)) + from_bf16(before[i]));
    EXPECT_EQ(pairs[i], fused.bits);
    EXPECT_TRUE(y[i] == fused.bits || y[i] == twice.bits);
  }
}

TEST(Kernels, RoundToEightBits) {
  DeviceArray<float> x({0.0f, 1.0f, -1.0625f, 1.1875f, 448.0f, 1e6f, -1e6f, 0.001f, 0.0009765625f,
                        0.0029296875f, 17.0f, 19.0f});
  DeviceArray<float> y(12);
  kernels::f8_round_trip(y.device(), x.device(), 12);
  // Ties go to even, also among subnormals, whose distance is 2^-9.
  const std::vector<float> expected{0.0f,    1.0f,         -1.0f, 1.25f,       448.0f, 448.0f,
                                    -448.0f, 0.001953125f, 0.0f,  0.00390625f, 16.0f,  20.0f};
  EXPECT_EQ(y.host(), expected);
}

TEST(Kernels, UseTensorCores) {
  const auto a_values = random_values(256, -1, 1);
  const auto b_values = random_values(512, -2, 1);
  DeviceArray<std::uint16_t> a(to_bf16(a_values));
  DeviceArray<std::uint16_t> b(to_bf16(b_values));
  DeviceArray<float> c(256);
  DeviceArray<float> c8(128);
  kernels::wmma_product(c.device(), a.device(), b.device());
  kernels::mma_product(c8.device(), a.device(), b.device());
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 16; ++j) {
      double by_columns = 0;
      double by_rows = 0;
      for (std::size_t k = 0; k < 16; ++k) {
        by_columns += from_bf16(a[16 * i + k]) * from_bf16(b[16 * j + k]);
        if (j < 8) by_rows += from_bf16(a[16 * i + k]) * from_bf16(b[8 * k + j]);
      }
      EXPECT_NEAR(c[16 * i + j], by_columns, 1e-5);
      if (j >= 8) continue;
      EXPECT_NEAR(c8[8 * i + j], by_rows, 1e-5);
    }
}

TEST(Kernels, MultiplyTiles) {
  constexpr int n = 48;
  DeviceArray<float> a(random_values(n * n, -1, 1));
  DeviceArray<float> b(random_values(n * n, -1, 2));
  DeviceArray<float> c(n * n);
  kernels::tiled_product(c.device(), a.device(), b.device(), n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) sum += a[i * n + k] * b[k * n + j];
      EXPECT_NEAR(c[i * n + j], sum, 1e-4);
    }
}

}  // namespace
}  // namespace tokenwerk::emulator
