#include "launch/supervisor/hosts.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "core/error.h"
#include "core/host_name.h"
#include "launch/counted.h"
#include "launch/supervisor/child_process.h"

namespace tokenwerk {
namespace {

constexpr std::size_t most_names = 8;

}  // namespace

std::vector<Host> hosts_of_slurm_job(Index ranks_per_host) {
  const char* nodes = std::getenv("SLURM_JOB_NODELIST");
  if (nodes == nullptr || *nodes == '\0') return {};
  const auto names = output_of({"scontrol", "show", "hostnames", nodes}, std::chrono::seconds(30));
  TW_CHECK_AS(DeviceError, names && !names->empty(), "scontrol does not tell the hosts of ", nodes);
  std::vector<Host> hosts;
  for (const std::string& name : *names) hosts.push_back({name, ranks_per_host});
  return hosts;
}

bool same_host(const std::string& a, const std::string& b) {
  const std::string& longer = a.size() > b.size() ? a : b;
  const std::string& shorter = a.size() > b.size() ? b : a;
  return a == b || (!shorter.empty() && longer.starts_with(shorter + "."));
}

std::string own_host_name() {
  const std::string name = host_name();
  return name == "unknown" ? "localhost" : name;  // what starts ranks must find it
}

Index ranks_of(const std::vector<Host>& hosts) {
  return std::accumulate(hosts.begin(), hosts.end(), Index{0},
                         [](Index sum, const Host& host) { return sum + host.ranks; });
}

std::string names_of(const std::vector<Host>& hosts) {
  std::string text;
  for (std::size_t i = 0; i < std::min(hosts.size(), most_names); ++i)
    text += (i == 0 ? "" : ", ") + hosts[i].name;
  if (hosts.size() > most_names) text += fmt::format(" and {} more", hosts.size() - most_names);
  return text;
}

}  // namespace tokenwerk
