#include "tests/bench/gpu/collectives.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <chrono>

#include "core/ops/elementwise.h"
#include "parallel/comm/control.h"

namespace tokenwerk::bench {
namespace {

/// Ranks, and an array of the largest size on each.
class Ranks {
 public:
  Ranks(Bench& bench, MpiEnvironment& environment, Index most_elements)
      : bench_(bench),
        comm_(environment.make_world(bench.device)),
        host_(make_device(DeviceKind::cpu)),
        control_(environment.make_world(*host_)),
        x_(bench.empty(DType::f32, Shape{most_elements})),
        y_(bench.empty(DType::f32, Shape{most_elements})) {
    fill(bench.stream, x_, 0.0);
    bench.stream.synchronize();
  }

  [[nodiscard]] Communicator& comm() { return *comm_; }
  [[nodiscard]] TensorView x(Index count) const { return elements_of(x_.view(), {0, count}); }
  [[nodiscard]] TensorView y(Index count) const { return elements_of(y_.view(), {0, count}); }

  /// Seconds of one call on the slowest rank: all make as many, the median of some batches.
  [[nodiscard]] double seconds(std::size_t bytes, const std::function<void()>& call) {
    const int times = bench_.quick() ? 1 : bytes < (1u << 20) ? 200 : bytes < (1u << 26) ? 20 : 5;
    std::vector<double> all;
    for (int batch = 0; batch < (bench_.quick() ? 1 : 6); ++batch) {
      control_->barrier();
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < times; ++i) call();
      bench_.stream.synchronize();
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      if (batch > 0 || bench_.quick()) all.push_back(took.count() / times);  // the first warms up
    }
    const auto nanoseconds = static_cast<Index>(1e9 * median(std::move(all)));
    return 1e-9 * static_cast<double>(all_reduce(*control_, nanoseconds, Reduction::max));
  }

 private:
  Bench& bench_;
  std::unique_ptr<Communicator> comm_;
  std::unique_ptr<Device> host_;
  std::unique_ptr<Communicator> control_;
  Tensor x_, y_;
};

/// One line: GB/s of each operation on `count` elements, all ranks' together where they differ.
std::vector<std::string> line(Bench& bench, Ranks& ranks, Index count) {
  Communicator& comm = ranks.comm();
  const int size = comm.size();
  const Index part = count / size;
  const TensorView x = ranks.x(count), y = ranks.y(count);
  const Rows own{comm.rank() * part, (comm.rank() + 1) * part};
  const std::size_t bytes = static_cast<std::size_t>(count) * size_of(DType::f32);
  const double share = static_cast<double>(size - 1) / size;
  const auto speed = [&](double sent, const std::function<void()>& call) {
    const double seconds = ranks.seconds(bytes, call);
    return fmt::format("{} ({} us)", number(sent * static_cast<double>(bytes) / seconds / 1e9),
                       number(seconds * 1e6));
  };
  Stream& stream = bench.stream;
  return {std::to_string(bytes), speed(2.0 * share, [&] { comm.all_reduce(stream, x); }),
          speed(share, [&] { comm.all_gather(stream, y, elements_of(y, own)); }),
          speed(share, [&] { comm.reduce_scatter(stream, elements_of(x, own), x); }),
          speed(1.0, [&] {
            comm.exchange(stream, {.send = x,
                                   .to = (comm.rank() + 1) % size,
                                   .receive = y,
                                   .from = (comm.rank() + size - 1) % size});
          })};
}

}  // namespace

void collectives(Bench& bench, MpiEnvironment& environment) {
  const bool first = environment.rank() == 0;
  if (environment.size() == 1) {
    print_head("Communication", {"ranks"});
    print_row({"1: a rank alone sends nothing"});
    return;
  }
  if (first)
    print_head(
        fmt::format("Communication of {} ranks, GB/s that each must send", environment.size()),
        {"bytes", "all_reduce", "all_gather", "reduce_scatter", "exchange"});
  const auto ranks_of_two =
      static_cast<Index>(std::bit_ceil(static_cast<unsigned>(environment.size())));
  const Index least = 256 * ranks_of_two, most = bench.pick(Index{1} << 26, 16 * least);
  // Multiples of the ranks, or their parts would not be equal.
  const auto whole = [&](Index count) { return count / environment.size() * environment.size(); };
  Ranks ranks(bench, environment, most);
  for (Index count = least; count <= most; count *= 4) {
    const std::vector<std::string> cells = line(bench, ranks, whole(count));
    if (first) print_row(cells);
  }
}

}  // namespace tokenwerk::bench
