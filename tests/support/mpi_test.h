#pragma once
/// What tests under mpirun share. Their program is tests/support/mpi_main.cpp.

#include <cstdint>
#include <vector>

#include "parallel/comm/communicator.h"
#include "parallel/comm/environment.h"

namespace tokenwerk::test {

/// The ranks that run this program together.
[[nodiscard]] MpiEnvironment& environment();

/// Seconds after which a test counts as hung (TOKENWERK_TEST_SECONDS, 120 otherwise).
[[nodiscard]] double seconds_per_test();

/// A device and all ranks on it.
struct World {
  std::unique_ptr<Device> device = make_device(DeviceKind::cpu);
  std::unique_ptr<Communicator> comm = environment().make_world(*device);
  std::unique_ptr<Stream> stream = device->make_stream();

  [[nodiscard]] int rank() const { return comm->rank(); }
  [[nodiscard]] int size() const { return comm->size(); }
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

template <typename T>
[[nodiscard]] TensorView view_of(std::vector<T>& values, Device& device) {
  const auto count = static_cast<Index>(values.size());
  return {values.data(), Shape{count}, count, dtype_of<T>, &device};
}

}  // namespace tokenwerk::test
