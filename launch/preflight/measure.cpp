#include "launch/preflight/measure.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/ops/matmul.h"
#include "core/ops/random.h"
#include "core/seconds.h"
#include "launch/machine.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double warm_up_seconds = 0.3;
constexpr double measuring_seconds = 1;
constexpr Index small_product = 1024;  // full speed of a few cores
constexpr Index large_product = 8192;  // and of a GPU
constexpr double short_seconds = 1e-3;

double seconds_of(const std::function<void()>& run) {
  const auto start = Clock::now();
  run();
  return seconds_since(start);
}

/// The median of what it takes once warm: a processor that throttles is slow in most runs, though
/// not in the first.
double usual_seconds(const std::function<void()>& run) {
  const auto start = Clock::now();
  do {
    run();
  } while (seconds_since(start) < warm_up_seconds);
  std::vector<double> seconds;
  do {
    seconds.push_back(seconds_of(run));
  } while (seconds_since(start) < warm_up_seconds + measuring_seconds);
  const auto middle = seconds.begin() + std::ssize(seconds) / 2;
  std::ranges::nth_element(seconds, middle);
  return *middle;
}

/// Square matrices; a device that has done the small product at once gets the large one.
double matrix_speed(Device& device, Stream& stream, Index n, const std::function<void()>& disturb) {
  const DType dtype = device.kind() == DeviceKind::cuda ? DType::bf16 : DType::f32;
  const Tensor x(device, dtype, {n, n}), w(device, dtype, {n, n}), y(device, dtype, {n, n});
  fill_normal(stream, x, {.stream = hash_of("x"), .global_columns = n});
  fill_normal(stream, w, {.stream = hash_of("w"), .global_columns = n});
  const auto product = [&] {
    matmul(stream, y, x, w);
    stream.synchronize();
  };
  product();
  if (n < large_product && seconds_of(product) < short_seconds)
    return matrix_speed(device, stream, large_product, disturb);
  const auto real = static_cast<double>(n);
  return 2 * real * real * real / usual_seconds([&] {
           disturb();
           product();
         });
}

/// Bytes/s of a copy within the device, counting what is read and what is written.
double copy_speed(Device& device, Stream& stream) {
  constexpr Index count = Index{1} << 26;  // 256 MiB
  const Tensor from(device, DType::f32, {count}), to(device, DType::f32, {count});
  const double seconds = usual_seconds([&] {
    device.copy(stream, to.view().data, from.view().data, from.bytes());
    stream.synchronize();
  });
  return 2 * static_cast<double>(from.bytes()) / seconds;
}

}  // namespace

Figures measured_compute(Device& device, Communicator& ranks, Index lane,
                         const std::function<void()>& disturb) {
  const auto stream = device.make_stream();
  const bool is_gpu = device.kind() == DeviceKind::cuda;
  Figures out;
  if (lane == 0) out[Quantity::free_memory] = static_cast<double>(host_memory().available);
  ranks.barrier();
  out[Quantity::matrix] = matrix_speed(device, *stream, small_product, disturb);
  ranks.barrier();
  out[Quantity::memory] = is_gpu ? copy_speed(device, *stream) : measured_memory_bandwidth(device);
  return out;
}

Figures measured_disk(const std::filesystem::path& folder, std::size_t bytes) {
  const DiskSpeed speed = measured_disk_speed(folder, bytes);
  Figures out;
  out[Quantity::disk_write] = speed.write;
  out[Quantity::disk_read] = speed.read;
  return out;
}

}  // namespace tokenwerk
