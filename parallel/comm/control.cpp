#include "parallel/comm/control.h"

#include <algorithm>
#include <array>
#include <set>

namespace tokenwerk {
namespace {

template <typename T>
std::vector<T> gather(Communicator& comm, const T& mine, CallSite site) {
  std::vector<T> all(static_cast<std::size_t>(comm.size()));
  comm.all_gather_bytes(std::as_writable_bytes(std::span(all)),
                        std::as_bytes(std::span(&mine, std::size_t{1})), site);
  return all;
}

}  // namespace

std::vector<std::string> gather_strings(Communicator& comm, const std::string& mine,
                                        CallSite site) {
  const std::vector<Index> lengths = gather(comm, static_cast<Index>(mine.size()), site);
  const auto longest = static_cast<std::size_t>(*std::max_element(lengths.begin(), lengths.end()));
  std::string padded = mine;
  padded.resize(longest);
  std::string all(longest * lengths.size(), '\0');
  if (longest > 0)
    comm.all_gather_bytes(std::as_writable_bytes(std::span(all)), std::as_bytes(std::span(padded)),
                          site);
  std::vector<std::string> out;
  for (std::size_t rank = 0; rank < lengths.size(); ++rank)
    out.push_back(all.substr(rank * longest, static_cast<std::size_t>(lengths[rank])));
  return out;
}

void collect_strings(Communicator& comm, const std::string& mine, int root,
                     const std::function<void(int, const std::string&)>& take, CallSite site) {
  const std::vector<Index> lengths = gather(comm, static_cast<Index>(mine.size()), site);
  const auto stream = comm.device().make_stream();
  constexpr Index word = sizeof(std::int32_t);
  const auto message_of = [&](std::string& text, Index length) {
    const Index words = (length + word - 1) / word;
    text.resize(static_cast<std::size_t>(words * word));
    return TensorView{text.data(), Shape{words}, words, DType::i32, &comm.device()};
  };
  for (int rank = 0; rank < comm.size(); ++rank) {
    const Index length = lengths[static_cast<std::size_t>(rank)];
    std::string text = rank == comm.rank() ? mine : std::string();
    const TensorView message = message_of(text, length);
    if (length > 0 && rank != root) {
      if (comm.rank() == rank) comm.exchange(*stream, {.send = message, .to = root}, site);
      if (comm.rank() == root) comm.exchange(*stream, {.receive = message, .from = rank}, site);
    }
    text.resize(static_cast<std::size_t>(length));
    if (comm.rank() == root) take(rank, text);
  }
}

std::string broadcast_string(Communicator& comm, const std::string& mine, int root, CallSite site) {
  auto length = static_cast<Index>(mine.size());
  comm.broadcast_bytes(std::as_writable_bytes(std::span(&length, std::size_t{1})), root, site);
  std::string out = mine;
  out.resize(static_cast<std::size_t>(length));
  if (length > 0) comm.broadcast_bytes(std::as_writable_bytes(std::span(out)), root, site);
  return out;
}

double all_reduce(Communicator& comm, double mine, Reduction reduction, CallSite site) {
  all_reduce(comm, std::span(&mine, std::size_t{1}), reduction, site);
  return mine;
}

// In halves of 32 bits, which doubles count exactly.
Index all_reduce(Communicator& comm, Index mine, Reduction reduction, CallSite site) {
  std::array<double, 2> halves{static_cast<double>(mine >> 32),
                               static_cast<double>(mine & 0xffffffff)};
  if (reduction == Reduction::sum) {
    all_reduce(comm, halves, reduction, site);
  } else {
    const double high = all_reduce(comm, halves[0], reduction, site);
    const double low = all_reduce(comm, halves[0] == high ? halves[1] : 0.0, reduction, site);
    halves = {high, low};
  }
  return static_cast<Index>(halves[0]) * (Index{1} << 32) + static_cast<Index>(halves[1]);
}

void all_reduce(Communicator& comm, std::span<double> figures, Reduction reduction, CallSite site) {
  const auto count = static_cast<Index>(figures.size());
  const auto stream = comm.device().make_stream();
  comm.all_reduce(*stream, {figures.data(), Shape{count}, count, DType::f64, &comm.device()},
                  reduction, site);
}

std::uint64_t all_reduce_or(Communicator& comm, std::uint64_t mine, CallSite site) {
  std::array<double, 64> bits{};
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<double>(mine >> i & 1);
  all_reduce(comm, bits, Reduction::max, site);
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < bits.size(); ++i) out |= std::uint64_t{bits[i] > 0} << i;
  return out;
}

std::string gather_faults(Communicator& comm, const std::string& fault, CallSite site) {
  constexpr std::size_t most = 4;
  if (all_ok(comm, fault.empty(), site)) return {};
  const std::vector<std::string> faults = gather_strings(comm, fault, site);
  const bool same = std::ranges::all_of(faults, [&](const auto& f) { return f == faults[0]; });
  if (same) return faults[0];
  std::set<std::string> seen;
  std::vector<std::string> shown;
  for (std::size_t rank = 0; rank < faults.size(); ++rank) {
    if (faults[rank].empty() || !seen.insert(faults[rank]).second || seen.size() > most) continue;
    shown.push_back(fmt::format("rank {}: {}", rank, faults[rank]));
  }
  if (seen.size() > most) shown.push_back(fmt::format("and {} more", seen.size() - most));
  return joined(shown, "; ");
}

bool all_ok(Communicator& comm, bool mine, CallSite site) {
  return all_reduce(comm, Index{mine ? 0 : 1}, Reduction::sum, site) == 0;
}

}  // namespace tokenwerk
