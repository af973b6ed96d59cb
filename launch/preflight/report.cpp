/// What an examined allocation looks like to people.

#include <fmt/core.h>

#include <algorithm>

#include "launch/counted.h"
#include "launch/preflight/allocation.h"

namespace tokenwerk {
namespace {

constexpr std::size_t most_hosts_shown = 16;

/// Of the ranks of a host the slowest counts.
double least_on(const AllocationFindings& findings, std::size_t host, Quantity quantity) {
  double least = not_measured;
  for (const Index rank : findings.seats.ranks_of[host])
    least = std::fmin(least, findings.of_rank[static_cast<std::size_t>(rank)][quantity]);
  return least;
}

std::string summary_of(const AllocationFindings& findings) {
  std::string text =
      fmt::format("  {:<26}{:>10}{:>10}{:>10}\n", "of the ranks", "worst", "median", "best");
  for (std::size_t q = 0; q < quantities; ++q) {
    const auto quantity = static_cast<Quantity>(q);
    std::vector<double> values;
    for (const Figures& figures : findings.of_rank) values.push_back(figures[quantity]);
    const Spread spread = spread_of(values);
    if (spread.count == 0) continue;
    const QuantityRule& rule = rule_of(quantity);
    text +=
        fmt::format("  {:<26}{:>10}{:>10}{:>10}\n", fmt::format("{}, {}", rule.name, rule.unit),
                    figure_number(quantity, spread.least), figure_number(quantity, spread.median),
                    figure_number(quantity, spread.most));
  }
  return text;
}

std::string table_of_hosts(const AllocationFindings& findings) {
  std::string text = fmt::format("  {:<16}", "slowest rank of");
  for (std::size_t q = 0; q < quantities; ++q)
    text += fmt::format("{:>17}", rule_of(static_cast<Quantity>(q)).name);
  text += "\n";
  for (std::size_t host = 0; host < findings.seats.hosts.size(); ++host) {
    text += fmt::format("  {:<16}", findings.seats.hosts[host]);
    for (std::size_t q = 0; q < quantities; ++q) {
      const auto quantity = static_cast<Quantity>(q);
      text += fmt::format("{:>17}", figure_number(quantity, least_on(findings, host, quantity)));
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::vector<std::string> remarks_of(const AllocationFindings& findings) {
  std::vector<std::string> out;
  for (const Outlier& link : findings.links)
    out.push_back(fmt::format("{}, both left in: {}", link.host, link.text()));
  return out;
}

std::string report_of(const AllocationFindings& findings) {
  const auto hosts = static_cast<Index>(findings.seats.hosts.size());
  std::string text = fmt::format(
      "allocation: {} on {}, {}, measured {}, {:.0f} s\n",
      count_of(std::ssize(findings.of_rank), "rank"), count_of(hosts, "host"),
      findings.device == DeviceKind::cuda ? "cuda" : "cpu",
      findings.passes == 1 ? "once" : fmt::format("{} times", findings.passes), findings.seconds);
  text += summary_of(findings);
  if (hosts > 1 && findings.seats.hosts.size() <= most_hosts_shown)
    text += table_of_hosts(findings);
  if (!findings.disk_fault.empty())
    text += fmt::format("disk: {} (on every host)\n", findings.disk_fault);
  for (const auto& [host, reason] : findings.exclusions)
    text += fmt::format("slow: {}: {}\n", host, reason);
  for (const std::string& remark : remarks_of(findings)) text += fmt::format("slow: {}\n", remark);
  if (hosts < 3)
    text += "whether a host is slow can only be told beside two others\n";
  else if (findings.exclusions.empty() && findings.links.empty())
    text += "no host is slow\n";
  return text;
}

}  // namespace tokenwerk
