#include "launch/supervisor/placement.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "launch/counted.h"
#include "launch/machine.h"

extern char** environ;

namespace tokenwerk {
namespace {

/// Whether a rank on another host has to be given this variable.
bool is_passed_on(std::string_view name) {
  constexpr std::array<std::string_view, 11> families{"TOKENWERK_", "OMP_",    "GOMP_",   "NCCL_",
                                                      "CUDA_",      "CUDNN_",  "CUBLAS_", "UCX_",
                                                      "DNNL_",      "ONEDNN_", "HDF5_"};
  // Slurm gives each host its own, and users of others mean all of them.
  if (name == "CUDA_VISIBLE_DEVICES" && std::getenv("SLURM_JOB_ID") != nullptr) return false;
  return name == "LD_LIBRARY_PATH" ||
         std::ranges::any_of(families, [&](auto family) { return name.starts_with(family); });
}

std::set<std::string> passed_on(const std::map<std::string, std::string>& variables) {
  std::set<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (is_passed_on(name)) names.emplace(name);
  }
  for (const auto& [name, value] : variables) names.insert(name);
  return names;
}

/// Those of this host, or of them what a Slurm job was given; Slurm counts hardware threads where
/// it knows them.
Cores cores_of_a_host() {
  Cores here = cores();
  const char* given = std::getenv("SLURM_CPUS_ON_NODE");
  const auto cpus = number_of<int>(given == nullptr ? "" : given);
  if (cpus && *cpus > 0) here.physical = std::min(here.physical, *cpus);
  return here;
}

bool is_uniform(const std::vector<Host>& hosts) {
  // The last one may have fewer: the ranks end there.
  return std::all_of(hosts.begin(), hosts.end() - 1,
                     [&](const Host& host) { return host.ranks == hosts.front().ranks; }) &&
         hosts.back().ranks <= hosts.front().ranks;
}

Index most_ranks(const std::vector<Host>& hosts) {
  return std::ranges::max_element(hosts, {}, &Host::ranks)->ranks;
}

/// Whether each rank of every host can have its threads on cores of its own.
bool has_cores(const Placement& p) { return most_ranks(p.hosts) * p.threads <= p.cores; }

std::vector<std::string> mpirun_arguments(const Placement& p, const std::set<std::string>& names) {
  std::vector<std::string> slots;
  for (const Host& host : p.hosts) slots.push_back(fmt::format("{}:{}", host.name, host.ranks));
  std::vector<std::string> out{
      "mpirun",  "--host", fmt::format("{}", fmt::join(slots, ",")), "-n", std::to_string(p.ranks),
      "--map-by"};
  if (!has_cores(p)) {
    out.insert(out.end(), {"slot", "--oversubscribe", "--bind-to", "none", "--mca",
                           "mpi_yield_when_idle", "1"});
  } else if (is_uniform(p.hosts)) {
    out.push_back(fmt::format("ppr:{}:node:PE={}", p.hosts.front().ranks, p.threads));
    out.insert(out.end(), {"--bind-to", "core"});
  } else {
    out.insert(out.end(), {"slot", "--bind-to", "none"});
  }
  for (const std::string& name : names) out.insert(out.end(), {"-x", name});
  return out;
}

/// Ranks that are left when one dies end after --wait seconds. They may not be ended at once: when
/// all stop with 75, the first must not take the others with it.
std::vector<std::string> srun_arguments(const Placement& p) {
  TW_CHECK_AS(ConfigError, is_uniform(p.hosts),
              "srun gives every host the same number of ranks: ", names_of(p.hosts),
              " have different ones");
  std::vector<std::string> names;
  for (const Host& host : p.hosts) names.push_back(host.name);
  std::vector<std::string> out{"srun",
                               "--mpi=pmix",
                               "--kill-on-bad-exit=0",
                               "--wait=10",
                               "--distribution=block",
                               fmt::format("--nodelist={}", fmt::join(names, ",")),
                               fmt::format("--nodes={}", names.size()),
                               fmt::format("--ntasks={}", p.ranks),
                               fmt::format("--ntasks-per-node={}", p.hosts.front().ranks)};
  if (has_cores(p)) {
    out.push_back(fmt::format("--cpus-per-task={}", p.threads * p.hardware_threads));
    out.emplace_back("--cpu-bind=cores");
  } else {
    out.insert(out.end(), {"--overcommit", "--cpu-bind=none"});
  }
  return out;
}

/// In single quotes where the shell would read more than the word.
std::string quoted(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

Placement placed(const std::vector<Host>& hosts, Index ranks) {
  Placement out;
  out.ranks = ranks;
  for (Index left = ranks; const Host& host : hosts) {
    const Index taken = std::min(left, host.ranks);
    if (taken > 0)
      out.hosts.push_back({host.name, taken});
    else
      out.spares.push_back(host);
    left -= taken;
  }
  return out;
}

std::vector<Host> keepers_first(const std::vector<Host>& hosts, Index ranks,
                                const std::vector<Host>& ring) {
  std::set<std::string> used;
  for (const Host& host : hosts) used.insert(host.name);
  const auto is_needed = [&](const Host& host) {
    const auto place = std::ranges::find(ring, host.name, &Host::name);
    if (place == ring.end()) return false;
    const Host& next = place + 1 == ring.end() ? ring.front() : *(place + 1);
    const Host& before = place == ring.begin() ? ring.back() : *(place - 1);
    return !used.contains(next.name) || !used.contains(before.name);
  };
  Index left = ranks_of(hosts);
  std::vector<Host> without_ranks;
  for (auto host = hosts.rbegin(); host != hosts.rend(); ++host) {
    if (left - host->ranks < ranks || is_needed(*host)) continue;
    used.erase(host->name);
    left -= host->ranks;
    without_ranks.insert(without_ranks.begin(), *host);
  }
  std::vector<Host> out;
  std::ranges::copy_if(hosts, std::back_inserter(out),
                       [&](const Host& host) { return used.contains(host.name); });
  out.insert(out.end(), without_ranks.begin(), without_ranks.end());
  return out;
}

Placement with_threads(Placement placement, Index threads) {
  const Cores here = cores_of_a_host();
  placement.cores = here.physical;
  placement.hardware_threads = std::max(1, here.usable / here.physical);
  const Index most = placement.hosts.empty() ? 1 : most_ranks(placement.hosts);
  placement.threads = threads > 0 ? threads : std::max<Index>(1, placement.cores / most);
  // Of machines that are not this one, whoever says how many threads a rank gets knows more.
  const bool known = std::getenv("SLURM_CPUS_ON_NODE") != nullptr;
  const auto is_here = [](const Host& host) { return same_host(host.name, own_host_name()); };
  if (threads > 0 && !known && std::ranges::none_of(placement.hosts, is_here))
    placement.cores = std::max(placement.cores, most * threads);
  return placement;
}

std::string host_of_rank(const Placement& placement, Index rank) {
  for (const Host& host : placement.hosts) {
    if (rank < host.ranks) return host.name;
    rank -= host.ranks;
  }
  return {};
}

std::string capacity_text(const Placement& placement, Index asked) {
  const double lost =
      100.0 * static_cast<double>(asked - placement.ranks) / static_cast<double>(asked);
  const std::string spares =
      placement.spares.empty() ? "" : "; spare: " + names_of(placement.spares);
  return fmt::format("{} of {} ranks, {:.0f} % of the capacity lost{}", placement.ranks, asked,
                     lost, spares);
}

std::string Command::text() const {
  std::string out;
  for (const auto& [name, value] : variables) out += name + "=" + quoted(value) + " ";
  for (const std::string& argument : arguments)
    out += quoted(argument) + (&argument == &arguments.back() ? "" : " ");
  return out;
}

Command start_command(Starter starter, const Placement& placement,
                      const std::vector<std::string>& program,
                      const std::map<std::string, std::string>& variables) {
  Command command;
  command.variables = variables;
  command.variables["OMP_NUM_THREADS"] = std::to_string(placement.threads);
  // With its default fence, Slurm's PMIx now and then lets ranks send to one that is not yet ready.
  if (starter == Starter::srun) command.variables["SLURM_PMIX_FENCE"] = "ring";
  command.arguments = starter == Starter::mpirun
                          ? mpirun_arguments(placement, passed_on(command.variables))
                          : srun_arguments(placement);
  command.arguments.insert(command.arguments.end(), program.begin(), program.end());
  return command;
}

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

}  // namespace tokenwerk
