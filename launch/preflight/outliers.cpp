#include "launch/preflight/outliers.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

namespace tokenwerk {
namespace {

constexpr Index fewest_to_compare = 3;
constexpr double most_deviations = 3.5;

double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

/// Of those that have measured; the first one where none has.
Index slowest_of(const std::vector<Index>& ranks, const std::vector<double>& values) {
  const auto value_of = [&](Index rank) {
    const double value = values[static_cast<std::size_t>(rank)];
    return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
  };
  return *std::ranges::min_element(ranks, {}, value_of);
}

std::set<std::string> names_in(const std::vector<Outlier>& outliers) {
  std::set<std::string> names;
  for (const Outlier& one : outliers) names.insert(one.host);
  return names;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  Spread out;
  out.count = std::ssize(values);
  if (values.empty()) return out;
  const auto [least, most] = std::ranges::minmax(values);
  out.least = least;
  out.most = most;
  out.median = median_of(values);
  for (double& value : values) value = std::abs(value - out.median);
  out.deviation = 1.4826 * median_of(values);
  return out;
}

bool is_outlier(const Spread& spread, double value, double tolerance) {
  return spread.count >= fewest_to_compare && value < (1 - tolerance) * spread.median &&
         (value < spread.median - most_deviations * spread.deviation || value < spread.median / 2);
}

Seats seats_of(const std::vector<std::string>& host_of_rank) {
  Seats seats;
  std::map<std::string, Index> numbers;
  for (std::size_t rank = 0; rank < host_of_rank.size(); ++rank) {
    const std::string& name = host_of_rank[rank];
    const auto [at, is_new] = numbers.try_emplace(name, std::ssize(seats.hosts));
    if (is_new) {
      seats.hosts.push_back(name);
      seats.ranks_of.emplace_back();
    }
    auto& ranks = seats.ranks_of[static_cast<std::size_t>(at->second)];
    seats.host_of.push_back(at->second);
    seats.lane_of.push_back(std::ssize(ranks));
    ranks.push_back(static_cast<Index>(rank));
  }
  return seats;
}

std::string Outlier::text() const {
  const std::string with = peer.empty() ? "" : fmt::format(" to {}", peer);
  const std::string whose = rank ? fmt::format(", rank {}", *rank) : "";
  const QuantityRule& rule = rule_of(quantity);
  const double ratio = rule.inverse ? median / value : value / median;
  return fmt::format("{}{} {:.0f} % of the median ({} of {}{})", rule.name, with, 100 * ratio,
                     figure_number(quantity, value), figure_text(quantity, median), whose);
}

std::vector<Outlier> slow_hosts(const Seats& seats, const std::vector<Figures>& of_rank,
                                std::optional<double> tolerance) {
  std::array<std::vector<double>, quantities> values;
  std::array<Spread, quantities> spreads;
  for (std::size_t q = 0; q < quantities; ++q) {
    for (const Figures& figures : of_rank) values[q].push_back(figures.values[q]);
    spreads[q] = spread_of(values[q]);
  }
  std::vector<Outlier> out;
  for (std::size_t host = 0; host < seats.hosts.size(); ++host) {
    for (std::size_t q = 0; q < quantities; ++q) {
      const auto quantity = static_cast<Quantity>(q);
      const Index slowest = slowest_of(seats.ranks_of[host], values[q]);
      const double value = values[q][static_cast<std::size_t>(slowest)];
      if (is_outlier(spreads[q], value, tolerance.value_or(rule_of(quantity).tolerance)))
        out.push_back({seats.hosts[host], slowest, "", quantity, value, spreads[q].median});
    }
  }
  return out;
}

std::vector<Outlier> slow_links(const Seats& seats, const std::vector<LinkFigure>& links,
                                const std::vector<Outlier>& hosts,
                                std::optional<double> tolerance) {
  const std::set<std::string> named = names_in(hosts);
  const auto host_of = [&](Index rank) -> const std::string& {
    const Index host = seats.host_of[static_cast<std::size_t>(rank)];
    return seats.hosts[static_cast<std::size_t>(host)];
  };
  std::vector<LinkFigure> judged;
  std::vector<double> values;
  for (const LinkFigure& link : links) {
    if (named.contains(host_of(link.rank)) || named.contains(host_of(link.peer))) continue;
    judged.push_back(link);
    values.push_back(link.bytes_per_second);
  }
  const Spread spread = spread_of(values);
  const double limit = tolerance.value_or(rule_of(Quantity::link).tolerance);
  std::map<std::set<std::string>, Outlier> slowest;
  for (const auto& [rank, peer, value] : judged) {
    if (!is_outlier(spread, value, limit)) continue;
    const Index first = std::min(rank, peer);  // both have measured it
    const Outlier one{host_of(first), first, host_of(std::max(rank, peer)),
                      Quantity::link, value, spread.median};
    const auto [at, is_new] = slowest.try_emplace({one.host, one.peer}, one);
    if (!is_new && value < at->second.value) at->second = one;
  }
  std::vector<Outlier> out;
  for (const auto& [names, one] : slowest) out.push_back(one);
  return out;
}

void add_reason(std::vector<Exclusion>& exclusions, const Exclusion& one) {
  const auto at = std::ranges::find(exclusions, one.host, &Exclusion::host);
  if (at == exclusions.end())
    exclusions.push_back(one);
  else
    at->reason += "; " + one.reason;
}

std::vector<Exclusion> exclusions_of(const std::vector<Outlier>& hosts) {
  std::vector<Exclusion> out;
  for (const Outlier& one : hosts) add_reason(out, {one.host, one.text()});
  return out;
}

}  // namespace tokenwerk
