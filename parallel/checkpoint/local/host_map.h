#pragma once
/// Which ranks share a host, and which hosts keep whose copies.

#include <string>
#include <vector>

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// The hosts of a run, in the order of their first ranks.
struct HostMap {
  std::vector<std::string> names;
  std::vector<std::vector<int>> ranks;  ///< of each host, ascending
  std::vector<int> host_of_rank;
  std::vector<int> place_of_rank;  ///< among the ranks of its host

  [[nodiscard]] int hosts() const { return static_cast<int>(names.size()); }
  /// Of the ranks on a host, the one whose turn it is.
  [[nodiscard]] int rank_on(int host, int turn) const;
};

[[nodiscard]] HostMap host_map(const std::vector<std::string>& host_of_each_rank);
/// Collective, of this rank's host.
[[nodiscard]] HostMap gather_hosts(Communicator& ranks, const std::string& host);

/// The rank that keeps a copy of what `rank` writes: on the next host in the ring of hosts. -1
/// where there is one host only.
[[nodiscard]] int keeper_of(const HostMap& hosts, int rank);

/// The rank that reads what lies on these hosts for `rank`, which is on none of them: that of its
/// own place there. Of two neighbours it is on the one an even number of hosts away, so that who
/// wants something of every host meets half as many ranks as there are hosts, asking and asked.
[[nodiscard]] int reader_for(const HostMap& hosts, int rank, const std::vector<int>& holders);

/// What a rank does in one round of handing copies over; -1: nothing.
struct HandOver {
  int to = -1;
  int from = -1;
  friend bool operator==(const HandOver&, const HandOver&) = default;
};
/// Round after round, as many on every rank; a rank sends in one of them. Hosts with fewer ranks
/// than the one before need more than one.
[[nodiscard]] std::vector<HandOver> hand_overs(const HostMap& hosts, int rank);

}  // namespace tokenwerk
