#pragma once
/// Which hosts and links are slower than their like.

#include <optional>
#include <vector>

#include "launch/preflight/figures.h"
#include "launch/supervisor/exclude_list.h"

namespace tokenwerk {

/// The middle of what is measured, and how far values usually lie from it.
struct Spread {
  Index count = 0;
  double least = not_measured, median = not_measured, most = not_measured;
  double deviation = 0;  ///< 1.4826 times the median of the distances from the median
};
/// Of the values that are measured.
[[nodiscard]] Spread spread_of(std::vector<double> values);

/// Whether a value is too small: below the median by the tolerance, and by more than 3.5 deviations
/// (Iglewicz, Hoaglin 1993: of the modified z-score), so that where all differ widely nobody is
/// named for it; or below half of the median, which no spread excuses. Of fewer than three values
/// none can be told from the other.
[[nodiscard]] bool is_outlier(const Spread& spread, double value, double tolerance);

/// Where the ranks of an allocation are.
struct Seats {
  std::vector<std::string> hosts;            ///< in the order of their first ranks
  std::vector<Index> host_of;                ///< each rank's, as an index
  std::vector<Index> lane_of;                ///< each rank's place on its host
  std::vector<std::vector<Index>> ranks_of;  ///< each host's
};
[[nodiscard]] Seats seats_of(const std::vector<std::string>& host_of_rank);

/// One of them is too slow.
struct Outlier {
  std::string host;
  std::optional<Index> rank;
  std::string peer;  ///< of a link: the other host
  Quantity quantity = Quantity::matrix;
  double value = 0, median = 0;

  /// "matrix product 61 % of the median (412 of 675 GFLOP/s, rank 3)"
  [[nodiscard]] std::string text() const;
};

/// Each host whose slowest rank is an outlier, once for each quantity. `tolerance` stands in for
/// every quantity's own.
[[nodiscard]] std::vector<Outlier> slow_hosts(const Seats& seats,
                                              const std::vector<Figures>& of_rank,
                                              std::optional<double> tolerance);

/// What a rank has measured with one on another host.
struct LinkFigure {
  Index rank = 0, peer = 0;
  double bytes_per_second = not_measured;
};

/// Each pair of hosts with an outlier among its links, where neither host is named already: what
/// is slow is then the way between them.
[[nodiscard]] std::vector<Outlier> slow_links(const Seats& seats,
                                              const std::vector<LinkFigure>& links,
                                              const std::vector<Outlier>& hosts,
                                              std::optional<double> tolerance);

/// Adds to the reasons of the host, or the host.
void add_reason(std::vector<Exclusion>& exclusions, const Exclusion& one);

/// A line for each host that is named, with all its reasons.
[[nodiscard]] std::vector<Exclusion> exclusions_of(const std::vector<Outlier>& hosts);

}  // namespace tokenwerk
