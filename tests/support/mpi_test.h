#pragma once
/// What tests under mpirun share. Their program is tests/support/mpi_main.cpp.

#include <cstdint>
#include <vector>

#include "parallel/comm/communicator.h"
#include "parallel/comm/environment.h"
#include "tests/support/reference.h"

namespace tokenwerk::test {

/// The ranks that run this program together.
[[nodiscard]] MpiEnvironment& environment();

/// Seconds after which a test counts as hung (TOKENWERK_TEST_SECONDS, 120 otherwise).
[[nodiscard]] double seconds_per_test();

/// This rank's device for the whole program, of the kind that TOKENWERK_TEST_DEVICE names.
[[nodiscard]] Device& rank_device();
/// All ranks on it. On a GPU even a rank alone speaks through NCCL, so that one GPU tests it.
[[nodiscard]] std::unique_ptr<Communicator> make_rank_communicator();

/// All ranks on their devices, and a stream in whose order the test reads and writes arrays.
struct World {
  World() { test_streams()[device] = stream.get(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() { test_streams().erase(device); }

  Device* device = &rank_device();
  std::unique_ptr<Communicator> comm = make_rank_communicator();
  std::unique_ptr<Stream> stream = device->make_stream();

  [[nodiscard]] int rank() const { return comm->rank(); }
  [[nodiscard]] int size() const { return comm->size(); }
};

/// All ranks on the cpu device, for what passes between them in host memory.
struct ControlWorld {
  std::unique_ptr<Device> device = make_device(DeviceKind::cpu);
  std::unique_ptr<Communicator> comm = environment().make_world(*device);
};

/// Numbers of the host, and the same on the rank's device, where operations work on them.
template <typename T>
class DeviceArray {
 public:
  DeviceArray(Stream& stream, std::vector<T> numbers)
      : host(std::move(numbers)),
        stream_(&stream),
        tensor_(stream.device(), dtype_of<T>, Shape{static_cast<Index>(host.size())}) {
    upload();
  }

  [[nodiscard]] TensorView view() const { return tensor_; }
  operator TensorView() const { return tensor_; }
  operator ConstTensorView() const { return tensor_; }

  /// Brings a range of the host's numbers, or all, to the device.
  void upload(Index first, Index last) {
    if (first == last) return;
    copy_to_device(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
  }
  void upload() { upload(0, static_cast<Index>(host.size())); }
  /// The device's numbers, which become the host's.
  const std::vector<T>& download() {
    Device& device = stream_->device();
    stream_->synchronize();  // the cpu copies at once, whatever its communicator's stream does
    device.copy_to_host(*stream_, host.data(), tensor_.view().data, host.size() * sizeof(T));
    stream_->synchronize();
    return host;
  }

  std::vector<T> host;

 private:
  void copy_to_device(std::size_t first, std::size_t count) {
    stream_->device().copy_from_host(*stream_, tensor_.view().as<T>() + first, host.data() + first,
                                     count * sizeof(T));
    stream_->synchronize();
  }

  Stream* stream_;
  Tensor tensor_;
};

/// Small pseudo-random numbers that any rank can compute for any other.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// A whole number from -100 to 100: sums of some hundreds of them are exact in f32.
[[nodiscard]] inline double whole_value(std::uint64_t seed, int rank, Index i) {
  return static_cast<double>(mix(seed * 1000003u + static_cast<std::uint64_t>(rank) * 7919u +
                                 mix(static_cast<std::uint64_t>(i))) %
                             201) -
         100.0;
}

/// A window on numbers of the host, which the cpu device computes with where they are.
template <typename T>
[[nodiscard]] TensorView view_of(std::vector<T>& values, Device& device) {
  const auto count = static_cast<Index>(values.size());
  return {values.data(), Shape{count}, count, dtype_of<T>, &device};
}

}  // namespace tokenwerk::test
