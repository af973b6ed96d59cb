#include "parallel/comm/clock.h"

#include <algorithm>
#include <fstream>

#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

constexpr std::size_t barriers = 15;

Index now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// Names the boot of the system under this rank; empty where it does not say.
std::string boot() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace

Index median_difference(const std::vector<Index>& theirs, const std::vector<Index>& mine) {
  std::vector<Index> differences(mine.size());
  std::ranges::transform(theirs, mine, differences.begin(), std::minus<>());
  const auto middle = differences.begin() + static_cast<std::ptrdiff_t>(differences.size() / 2);
  std::nth_element(differences.begin(), middle, differences.end());
  return *middle;
}

std::chrono::nanoseconds barrier_offset(Communicator& ranks) {
  std::vector<Index> mine(barriers);
  for (Index& time : mine) {
    ranks.barrier();
    time = now();
  }
  std::vector<Index> firsts = mine;
  ranks.broadcast_bytes(std::as_writable_bytes(std::span(firsts)), 0);
  return std::chrono::nanoseconds(median_difference(firsts, mine));
}

std::chrono::nanoseconds clock_offset(Communicator& ranks) {
  const std::string here = boot(), first = broadcast_string(ranks, here);
  const bool same = !here.empty() && here == first;
  if (all_ok(ranks, same)) return {};
  const std::chrono::nanoseconds estimate = barrier_offset(ranks);
  return same ? std::chrono::nanoseconds() : estimate;
}

}  // namespace tokenwerk
