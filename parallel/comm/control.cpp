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

/// This rank's place in the tree of collect_strings: rank r hands its own text and those of the
/// ranks behind it, up to its lowest bit, to the rank without that bit. All lie in a row, so that a
/// piece may hold many texts and a text take many pieces.
class TextStream {
 public:
  using Take = std::function<void(int, std::string_view)>;

  TextStream(Communicator& comm, const std::vector<Index>& lengths, const Take& take, CallSite site)
      : comm_(comm),
        lengths_(lengths),
        take_(take),
        site_(site),
        stream_(comm.device().make_stream()) {}

  void run(const std::string& mine) {
    const int rank = comm_.rank(), size = comm_.size();
    held_ = mine;
    pass_on(piece_bytes);
    int bit = 1;
    for (; bit < size && (rank & bit) == 0; bit *= 2)
      if (rank + bit < size) receive(rank + bit, std::min(rank + 2 * bit, size));
    pass_on(1);
  }

 private:
  static constexpr std::size_t piece_bytes = std::size_t{8} << 20;

  /// The texts of these ranks, from the first of them.
  void receive(int first, int last) {
    std::size_t left = 0;
    for (int rank = first; rank < last; ++rank)
      left += static_cast<std::size_t>(lengths_[static_cast<std::size_t>(rank)]);
    for (std::string piece; left > 0; left -= piece.size()) {
      piece.resize(std::min(left, piece_bytes));
      comm_.exchange(*stream_, {.receive = words_of(piece), .from = first}, site_);
      piece.resize(std::min(left, piece_bytes));
      held_ += piece;
      pass_on(piece_bytes);
    }
  }

  /// What is held, as long as it is so much; on rank 0, where it ends, all texts that are whole.
  void pass_on(std::size_t least) {
    if (comm_.rank() == 0) return hand_over();
    std::size_t sent = 0;
    for (; held_.size() - sent >= least;) {
      std::string piece = held_.substr(sent, piece_bytes);
      sent += piece.size();
      comm_.exchange(*stream_, {.send = words_of(piece), .to = comm_.rank() & (comm_.rank() - 1)},
                     site_);
    }
    held_.erase(0, sent);
  }

  void hand_over() {
    std::size_t begin = 0;
    for (; next_ < lengths_.size(); ++next_) {
      const auto length = static_cast<std::size_t>(lengths_[next_]);
      if (held_.size() - begin < length) break;
      take_(static_cast<int>(next_), std::string_view(held_).substr(begin, length));
      begin += length;
    }
    held_.erase(0, begin);
  }

  /// The text as an exchange takes it, padded to whole words.
  TensorView words_of(std::string& text) {
    constexpr std::size_t word = sizeof(std::int32_t);
    text.resize((text.size() + word - 1) / word * word);
    const auto words = static_cast<Index>(text.size() / word);
    return {text.data(), Shape{words}, words, DType::i32, &comm_.device()};
  }

  Communicator& comm_;
  const std::vector<Index>& lengths_;
  const Take& take_;
  CallSite site_;
  std::unique_ptr<Stream> stream_;
  std::string held_;      ///< not passed on yet
  std::size_t next_ = 0;  ///< rank 0's: whose text comes next
};

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

void collect_strings(Communicator& comm, const std::string& mine,
                     const std::function<void(int, std::string_view)>& take, CallSite site) {
  const std::vector<Index> lengths = gather(comm, static_cast<Index>(mine.size()), site);
  TextStream(comm, lengths, take, site).run(mine);
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
