#include "parallel/checkpoint/local/host_map.h"

#include <algorithm>
#include <map>

#include "parallel/comm/control.h"

namespace tokenwerk {

int HostMap::rank_on(int host, int turn) const {
  const std::vector<int>& there = ranks[static_cast<std::size_t>(host)];
  return there[static_cast<std::size_t>(turn) % there.size()];
}

HostMap host_map(const std::vector<std::string>& host_of_each_rank) {
  HostMap out;
  std::map<std::string, int> known;
  for (std::size_t rank = 0; rank < host_of_each_rank.size(); ++rank) {
    const auto [host, is_new] = known.try_emplace(host_of_each_rank[rank], out.hosts());
    if (is_new) {
      out.names.push_back(host->first);
      out.ranks.emplace_back();
    }
    std::vector<int>& there = out.ranks[static_cast<std::size_t>(host->second)];
    out.host_of_rank.push_back(host->second);
    out.place_of_rank.push_back(static_cast<int>(there.size()));
    there.push_back(static_cast<int>(rank));
  }
  return out;
}

HostMap gather_hosts(Communicator& ranks, const std::string& host) {
  return host_map(gather_strings(ranks, host));
}

int keeper_of(const HostMap& hosts, int rank) {
  if (hosts.hosts() == 1) return -1;
  const auto at = static_cast<std::size_t>(rank);
  return hosts.rank_on((hosts.host_of_rank[at] + 1) % hosts.hosts(), hosts.place_of_rank[at]);
}

int reader_for(const HostMap& hosts, int rank, const std::vector<int>& holders) {
  const auto at = static_cast<std::size_t>(rank);
  const int here = hosts.host_of_rank[at];
  const auto even =
      std::ranges::find_if(holders, [&](int holder) { return (holder - here) % 2 == 0; });
  const int host = even == holders.end() ? holders.front() : *even;
  return hosts.rank_on(host, hosts.place_of_rank[at]);
}

std::vector<HandOver> hand_overs(const HostMap& hosts, int rank) {
  std::map<int, int> taken;  // rank -> copies that it keeps of the ranks before
  std::vector<HandOver> rounds;
  for (int from = 0; hosts.hosts() > 1 && from < static_cast<int>(hosts.host_of_rank.size());
       ++from) {
    const int to = keeper_of(hosts, from);
    const auto round = static_cast<std::size_t>(taken[to]++);
    rounds.resize(std::max(rounds.size(), round + 1));
    if (from == rank) rounds[round].to = to;
    if (to == rank) rounds[round].from = from;
  }
  return rounds;
}

}  // namespace tokenwerk
