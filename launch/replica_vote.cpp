#include "launch/replica_vote.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace tokenwerk {

ReplicaVote vote_of(std::span<const std::uint64_t> hashes, std::size_t arrays) {
  ReplicaVote vote;
  const std::size_t ranks = arrays == 0 ? 0 : hashes.size() / arrays;
  std::map<std::size_t, std::vector<std::size_t>> odd;
  for (std::size_t array = 0; array < arrays; ++array) {
    const auto hash = [&](std::size_t rank) { return hashes[rank * arrays + array]; };
    std::map<std::uint64_t, std::size_t> votes;
    for (std::size_t rank = 0; rank < ranks; ++rank) ++votes[hash(rank)];
    if (votes.size() <= 1) continue;
    vote.arrays.push_back(array);
    const auto most = std::ranges::max_element(votes, {}, [](const auto& v) { return v.second; });
    if (2 * most->second <= ranks) {
      vote.clear = false;
      continue;
    }
    for (std::size_t rank = 0; rank < ranks; ++rank)
      if (hash(rank) != most->first) odd[rank].push_back(array);
  }
  for (auto& [rank, of_rank] : odd) vote.odd.push_back({rank, std::move(of_rank)});
  return vote;
}

std::string list_of(std::span<const std::string> names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
  return text;
}

}  // namespace tokenwerk
