#include "launch/supervisor/host_choice.h"

#include <algorithm>
#include <set>

#include "core/error.h"

namespace tokenwerk {
namespace {

constexpr Index most_failures = 2;  // of a host in a row, named each time

}  // namespace

std::vector<Host> candidates_of(const SupervisorOptions& options) {
  std::vector<Host> all = options.hosts;
  all.insert(all.end(), options.spares.begin(), options.spares.end());
  return without(all, options.excluded);
}

Placement first_placement(const SupervisorOptions& options) {
  const Index asked = ranks_of(options.hosts);
  if (options.excluded.empty()) return with_threads(placed(options.hosts, asked), options.threads);
  const std::vector<Host> left = candidates_of(options);
  const auto ranks = most_legal_ranks(options.recipe, asked, ranks_of(left));
  TW_CHECK_AS(ConfigError, ranks, "too few hosts are left for one replica of the model: of ",
              options.hosts.size(), " hosts and ", options.spares.size(), " spares ", left.size(),
              " may be used; the others are excluded");
  return with_threads(placed(left, *ranks), options.threads);
}

std::vector<std::string> blamed_hosts(const std::vector<Host>& hosts,
                                      const std::vector<Blame>& blames) {
  std::set<std::string> blamed;
  for (const Blame& blame : blames)
    for (const Host& host : hosts)
      if (same_host(host.name, blame.host)) blamed.insert(host.name);
  if (2 * blamed.size() > hosts.size()) return {};
  return {blamed.begin(), blamed.end()};
}

void HostChoice::count(const std::vector<Blame>& blames) {
  std::map<std::string, Index> failures;
  for (const std::string& host : blamed_hosts(candidates_of(*options_), blames))
    failures[host] = failures_[host] + 1;
  failures_ = failures;
}

std::optional<HostChoice::Next> HostChoice::next(const RecipeSource& recipe, const Ask& ask) {
  const Index asked = ranks_of(options_->hosts);
  const Answers answers = ask(candidates_of(*options_));
  Next next;
  next.excluded = answers.silent;
  std::vector<Host> left;
  for (const Host& host : answers.reached)
    (failures_[host.name] < most_failures ? left : next.excluded).push_back(host);
  auto ranks = most_legal_ranks(recipe, asked, ranks_of(left));
  if (!ranks) {  // better one that failed before than none
    left = answers.reached;
    next.excluded = answers.silent;
    ranks = most_legal_ranks(recipe, asked, ranks_of(left));
  }
  if (!ranks) return std::nullopt;
  if (!ring_.empty()) left = keepers_first(left, *ranks, ring_);
  next.placement = with_threads(placed(left, *ranks), options_->threads);
  return next;
}

}  // namespace tokenwerk
