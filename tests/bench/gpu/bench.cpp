#include "tests/bench/gpu/bench.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "core/ops/random.h"
#include "core/philox.h"

namespace tokenwerk::bench {
namespace {

constexpr double batch_seconds = 0.01;
constexpr int batches = 9;
constexpr int most_calls = 10000;

}  // namespace

Tensor Bench::random(DType dtype, Shape shape, double deviation) {
  Tensor out(device, dtype, shape);
  fill_normal(stream, out, {.seed = 1, .stream = ++draws_, .deviation = deviation});
  return out;
}

Tensor Bench::tokens(Index count, Index bound) const {
  std::vector<std::int32_t> values;
  for (Index i = 0; i < count; ++i)
    values.push_back(static_cast<std::int32_t>(random_word(1, 2, static_cast<std::uint64_t>(i)) %
                                               static_cast<std::uint32_t>(bound)));
  Tensor out(device, DType::i32, Shape{count});
  device.copy_from_host(stream, out.view().data, values.data(), out.bytes());
  stream.synchronize();
  return out;
}

double Bench::batch(const std::function<void()>& call, int times) {
  stream.synchronize();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) call();
  stream.synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / times;
}

double Bench::seconds(const std::function<void()>& call) {
  double estimate = batch(call, 1);
  if (quick()) return estimate;
  estimate = std::min(estimate, batch(call, 3));  // the first call looks for algorithms
  const int times =
      static_cast<int>(std::clamp(batch_seconds / estimate, 1.0, double{most_calls})) + 1;
  static_cast<void>(batch(call, times));
  std::vector<double> all;
  for (int i = 0; i < batches; ++i) all.push_back(batch(call, times));
  return median(std::move(all));
}

void print_row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void print_head(const std::string& title, const std::vector<std::string>& columns) {
  fmt::print("\n### {}\n\n", title);
  print_row(columns);
  print_row(std::vector<std::string>(columns.size(), "---"));
}

std::string number(double value) {
  if (value >= 100.0) return fmt::format("{:.0f}", value);
  return value >= 1.0 ? fmt::format("{:.1f}", value) : fmt::format("{:.3g}", value);
}

std::string percent(double part, double whole) {
  return fmt::format("{:.0f} %", 100.0 * part / whole);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace tokenwerk::bench
