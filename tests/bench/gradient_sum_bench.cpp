/// The sums of a data-parallel step with nothing to hide behind: seconds of the slowest rank.
///
///     mpirun -n 2 build/bench/tests/bench/gradient_sum_bench LAYERS WIDTH
///
/// A GradientReducer over LAYERS units of 12 WIDTH^2 elements in f32, all ready at once. Prints the
/// median of 7.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "parallel/comm/control.h"
#include "parallel/comm/environment.h"
#include "parallel/data/gradient_reducer.h"

namespace {

using namespace tokenwerk;

double seconds_of_sum(Communicator& comm, Stream& stream, GradientReducer& reducer) {
  comm.barrier();
  const auto start = std::chrono::steady_clock::now();
  reducer.finish(stream);
  const std::chrono::duration<double> mine = std::chrono::steady_clock::now() - start;
  return all_reduce(comm, mine.count(), Reduction::max);
}

}  // namespace

int main(int argc, char** argv) {
  MpiEnvironment environment;
  const Index layers = argc > 1 ? std::atoll(argv[1]) : 12;
  const Index width = argc > 2 ? std::atoll(argv[2]) : 384;
  const auto device = make_device(DeviceKind::cpu);
  const auto stream = device->make_stream();
  const auto comm = environment.make_world(*device);
  const Index unit = 12 * width * width;
  const Tensor gradient(*device, DType::f32, Shape{layers * unit});
  std::fill_n(gradient.view().as<float>(), layers * unit, 0.0f);
  std::vector<ElementRange> units;
  for (Index layer = layers; layer-- > 0;) units.push_back({layer * unit, (layer + 1) * unit});
  GradientReducer reducer(*comm, gradient, units);
  std::vector<double> seconds;
  for (int i = 0; i < 7; ++i) seconds.push_back(seconds_of_sum(*comm, *stream, reducer));
  std::ranges::nth_element(seconds, seconds.begin() + 3);
  if (environment.rank() == 0) fmt::print("{}\n", seconds[3]);
  return 0;
}
