/// Who is named as slow, and who is not.

#include "launch/preflight/outliers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/preflight/allocation.h"

namespace tokenwerk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

bool is_named(std::vector<double> others, double value, double tolerance = 0.1) {
  others.push_back(value);
  return is_outlier(spread_of(others), value, tolerance);
}

TEST(Outlier, IsBelowTheMedianByTheToleranceAndByMoreThanOthersVary) {
  EXPECT_TRUE(is_named({100, 101, 99, 100, 100}, 61));
  EXPECT_FALSE(is_named({100, 101, 99, 100, 100}, 91)) << "within the tolerance";
  EXPECT_FALSE(is_named({100, 120, 80, 110, 90}, 75)) << "others vary as much";
  EXPECT_FALSE(is_named({100, 101, 99, 100, 100}, 150)) << "faster";
}

TEST(Outlier, IsWhateverIsBelowHalfOfTheMedian) {
  EXPECT_TRUE(is_named({100, 150, 60, 130, 70}, 40));
  EXPECT_FALSE(is_named({100, 150, 60, 130, 70}, 55));
}

TEST(Outlier, IsNobodyAmongTwoOrWhatIsNotMeasured) {
  EXPECT_FALSE(is_named({100}, 10));
  EXPECT_TRUE(is_named({100, 100}, 10));
  EXPECT_FALSE(is_named({100, not_measured, not_measured}, 10));
  EXPECT_FALSE(is_named({100, 100, 100}, not_measured));
}

TEST(Spread, IsThatOfWhatIsMeasured) {
  const Spread spread = spread_of({4, not_measured, 1, 3, 10});
  EXPECT_EQ(spread.count, 4);
  EXPECT_EQ(spread.least, 1);
  EXPECT_EQ(spread.median, 3.5);
  EXPECT_EQ(spread.most, 10);
  EXPECT_DOUBLE_EQ(spread.deviation, 1.4826 * 1.5);
  EXPECT_TRUE(std::isnan(spread_of({not_measured}).median));
}

/// Hosts n0, n1, ... of two ranks each.
Seats seats(Index hosts) {
  std::vector<std::string> names;
  for (Index rank = 0; rank < 2 * hosts; ++rank) names.push_back("n" + std::to_string(rank / 2));
  return seats_of(names);
}

std::vector<Figures> even_figures(const Seats& seats) {
  std::vector<Figures> out(seats.host_of.size());
  for (Figures& figures : out) {
    figures[Quantity::matrix] = 675e9;
    figures[Quantity::link] = 1000e6;
    figures[Quantity::link_rate] = 1e5;
  }
  for (const auto& ranks : seats.ranks_of)
    out[static_cast<std::size_t>(ranks.front())][Quantity::disk_write] = 500e6;
  return out;
}

TEST(SlowHosts, AreNoneAmongEqualOnes) {
  EXPECT_THAT(slow_hosts(seats(4), even_figures(seats(4)), {}), IsEmpty());
}

TEST(SlowHosts, AreNamedOnceEachWithAllTheirReasons) {
  auto figures = even_figures(seats(4));
  figures[6][Quantity::disk_write] = 50e6;
  figures[4][Quantity::matrix] = 500e9;
  figures[5][Quantity::matrix] = 412e9;
  figures[5][Quantity::link_rate] = 2e4;
  const auto list = exclusions_of(slow_hosts(seats(4), figures, {}));
  ASSERT_THAT(list, SizeIs(2));
  EXPECT_EQ(list[0].host, "n2");
  EXPECT_EQ(list[0].reason,
            "matrix product 61 % of the median (412 of 675 GFLOP/s, rank 5); "
            "link exchange 500 % of the median (50 of 10 us, rank 5)");
  EXPECT_EQ(list[1].host, "n3");
  EXPECT_THAT(list[1].reason, HasSubstr("disk write 10 % of the median (50 of 500 MB/s, rank 6)"));
}

TEST(SlowHosts, AToleranceStandsInForAllOfThem) {
  auto figures = even_figures(seats(4));
  figures[5][Quantity::matrix] = 412e9;
  EXPECT_THAT(slow_hosts(seats(4), figures, 0.5), IsEmpty());
  EXPECT_THAT(slow_hosts(seats(4), figures, 0.3), SizeIs(1));
}

TEST(Seats, FollowTheHostsOfRanksInAnyOrder) {
  const Seats found = seats_of({"b", "a", "b", "a", "b"});
  EXPECT_THAT(found.hosts, ElementsAre("b", "a"));
  EXPECT_THAT(found.host_of, ElementsAre(0, 1, 0, 1, 0));
  EXPECT_THAT(found.lane_of, ElementsAre(0, 0, 1, 1, 2));
  EXPECT_THAT(found.ranks_of[0], ElementsAre(0, 2, 4));
}

/// Every two of the hosts' first ranks.
std::vector<LinkFigure> even_links(Index hosts) {
  std::vector<LinkFigure> out;
  for (Index a = 0; a < hosts; ++a)
    for (Index b = 0; b < hosts; ++b)
      if (a != b) out.push_back({2 * a, 2 * b, 1000e6});
  return out;
}

void slow_down(std::vector<LinkFigure>& links, Index a, Index b) {
  for (LinkFigure& link : links)
    if ((link.rank == 2 * a && link.peer == 2 * b) || (link.rank == 2 * b && link.peer == 2 * a))
      link.bytes_per_second = link.rank > link.peer ? 100e6 : 120e6;
}

TEST(SlowLinks, AreNamedOnceWithBothHosts) {
  auto links = even_links(4);
  links.push_back({2, 2, not_measured});  // it sat a round out
  EXPECT_THAT(slow_links(seats(4), links, {}, {}), IsEmpty());
  slow_down(links, 1, 3);
  const auto found = slow_links(seats(4), links, {}, {});
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].host, "n1");
  EXPECT_EQ(found[0].peer, "n3");
  AllocationFindings findings;
  findings.links = found;
  EXPECT_THAT(remarks_of(findings),
              ElementsAre("n1, both left in: link to n3 10 % of the median (100 of 1000 MB/s, "
                          "rank 2)"));
}

TEST(SlowLinks, OfAHostThatIsNamedGoWithout) {
  auto links = even_links(4);
  for (const Index other : {0, 1, 2}) slow_down(links, 3, other);
  Outlier host;
  host.host = "n3";
  EXPECT_THAT(slow_links(seats(4), links, {host}, {}), IsEmpty());
  EXPECT_THAT(slow_links(seats(4), links, {}, 0.5), SizeIs(3));
}

TEST(Figures, KeepTheBetterAndShowWhatIsMissing) {
  Figures a, b;
  a[Quantity::matrix] = 1e9;
  b[Quantity::matrix] = 2e9;
  b[Quantity::link] = 5e6;
  a[Quantity::inside] = 7e6;
  a.merge(b);
  EXPECT_EQ(a[Quantity::inside], 7e6);
  EXPECT_EQ(a[Quantity::matrix], 2e9);
  EXPECT_EQ(a[Quantity::link], 5e6);
  EXPECT_TRUE(std::isnan(a[Quantity::memory]));
  EXPECT_EQ(figure_text(Quantity::matrix, 412.34e9), "412 GFLOP/s");
  EXPECT_EQ(figure_text(Quantity::link_rate, 1e6 / 35.14), "35.1 us");
  EXPECT_EQ(figure_text(Quantity::memory, not_measured), "-");
}

TEST(AllocationReport, ShowsAllOfAFewHostsAndOfManyOnlyTheSlow) {
  const auto findings_of = [](Index hosts) {
    AllocationFindings findings;
    findings.seats = seats(hosts);
    findings.of_rank = even_figures(findings.seats);
    findings.of_rank[5][Quantity::matrix] = 412e9;
    findings.hosts = slow_hosts(findings.seats, findings.of_rank, {});
    findings.exclusions = exclusions_of(findings.hosts);
    return report_of(findings);
  };
  EXPECT_THAT(findings_of(4), HasSubstr("n3 "));
  const std::string many = findings_of(1280);
  EXPECT_THAT(many, HasSubstr("2560 ranks on 1280 hosts"));
  EXPECT_THAT(many, HasSubstr("slow: n2: matrix product 61 %"));
  EXPECT_THAT(many, Not(HasSubstr("n3")));
  EXPECT_LT(std::ranges::count(many, '\n'), 12);
}

}  // namespace
}  // namespace tokenwerk
