#include "launch/preflight/links.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/seconds.h"
#include "launch/preflight/rounds.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Index probe_floats = Index{1} << 16;  // 256 KiB
constexpr double most_seconds = 0.5;            // of a message
constexpr int large_messages = 5, small_messages = 30;

/// As many for all links, since speed depends on length: 4 MiB, and 64 MiB between GPUs.
Index floats_on(const Device& device) {
  return Index{1} << (device.kind() == DeviceKind::cuda ? 24 : 20);
}

class LinkMeter {
 public:
  explicit LinkMeter(RunDevice& device)
      : world_(device.world()),
        control_(device.control()),
        stream_(device.device().make_stream()),
        control_stream_(control_.device().make_stream()),
        sent_(device.device(), DType::f32, {floats_on(device.device())}),
        received_(device.device(), DType::f32, {floats_on(device.device())}) {
    sent_.device().synchronize();
  }

  /// The other one measures at the same time.
  Figures measure(Index peer, Quantity bandwidth, Quantity rate) {
    peer_ = static_cast<int>(peer);
    (void)exchange(probe_floats);  // connects
    // Both have to send as much. A link that would take long for it is slow, however measured.
    const double seconds = agreed(exchange(probe_floats));
    const Index wanted = sent_.view().count();
    const auto times = static_cast<double>(wanted) / static_cast<double>(probe_floats);
    const Index floats = seconds * times > most_seconds ? probe_floats : wanted;
    double large = 1e30, small = 1e30;
    for (int i = 0; i < large_messages; ++i) large = std::min(large, exchange(floats));
    for (int i = 0; i < small_messages; ++i) small = std::min(small, exchange(2));
    Figures out;
    out[bandwidth] = static_cast<double>(floats * Index{sizeof(float)}) / large;
    out[rate] = 1 / small;
    return out;
  }

 private:
  /// Seconds of sending and receiving so many numbers.
  double exchange(Index floats) {
    const auto part = [&](const Tensor& whole) {
      return TensorView{whole.view().data, {floats}, floats, DType::f32, &whole.device()};
    };
    const auto start = Clock::now();
    world_.exchange(*stream_, {part(sent_), peer_, part(received_), peer_});
    stream_->synchronize();
    return seconds_since(start);
  }

  /// The larger of mine and the other one's.
  double agreed(double mine) {
    double theirs = 0;
    const auto view = [&](double& number) {
      return TensorView{&number, {1}, 1, DType::f64, &control_.device()};
    };
    control_.exchange(*control_stream_, {view(mine), peer_, view(theirs), peer_});
    return std::max(mine, theirs);
  }

  Communicator &world_, &control_;
  std::unique_ptr<Stream> stream_, control_stream_;
  Tensor sent_, received_;
  int peer_ = 0;
};

}  // namespace

std::optional<Index> peer_inside(const Seats& seats, Index rank, std::size_t round) {
  const auto me = static_cast<std::size_t>(rank);
  const auto& ranks = seats.ranks_of[static_cast<std::size_t>(seats.host_of[me])];
  const std::vector<Index> rounds = rounds_of(std::ssize(ranks));
  if (round >= rounds.size()) return std::nullopt;
  const auto lane = partner_in(rounds[round], seats.lane_of[me], std::ssize(ranks));
  if (!lane) return std::nullopt;
  return ranks[static_cast<std::size_t>(*lane)];
}

std::optional<Index> peer_outside(const Seats& seats, Index rank, Index round, Index lanes) {
  const auto me = static_cast<std::size_t>(rank);
  const auto host = partner_in(round, seats.host_of[me], std::ssize(seats.hosts));
  const Index lane = seats.lane_of[me];
  if (!host || lane >= lanes) return std::nullopt;
  const auto& there = seats.ranks_of[static_cast<std::size_t>(*host)];
  if (lane >= std::ssize(there)) return std::nullopt;
  return there[static_cast<std::size_t>(lane)];
}

LinkMeasurement measured_links(RunDevice& device, const Seats& seats) {
  const Index rank = device.control().rank();
  Index most = 1;
  for (const auto& ranks : seats.ranks_of) most = std::max(most, static_cast<Index>(ranks.size()));
  LinkMeasurement out;
  LinkMeter meter(device);
  for (std::size_t round = 0; round < rounds_of(most).size(); ++round) {
    device.control().barrier();
    if (const auto peer = peer_inside(seats, rank, round))
      out.best.merge(meter.measure(*peer, Quantity::inside, Quantity::inside_rate));
  }
  const Index lanes = device.device().kind() == DeviceKind::cuda ? most : 1;
  for (const Index round : rounds_of(std::ssize(seats.hosts))) {
    device.control().barrier();
    LinkFigure link{rank, rank, not_measured};
    if (const auto peer = peer_outside(seats, rank, round, lanes)) {
      const Figures figures = meter.measure(*peer, Quantity::link, Quantity::link_rate);
      out.best.merge(figures);
      link = {rank, *peer, figures[Quantity::link]};
    }
    out.links.push_back(link);
  }
  return out;
}

}  // namespace tokenwerk
