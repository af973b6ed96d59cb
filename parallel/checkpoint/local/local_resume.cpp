#include "parallel/checkpoint/local/local_resume.h"

#include "core/log.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/local/box_exchange.h"
#include "parallel/checkpoint/local/survey.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

/// The shards of a generation that lie on this host, opened when they are first needed.
class OpenShards {
 public:
  OpenShards(const LocalTier& tier, const Survey& survey) : tier_(tier), survey_(survey) {}

  const Hdf5File& operator()(std::size_t file) {
    const auto known = open_.find(file);
    if (known != open_.end()) return known->second;
    const int rank = survey_.merged.rank_of_file[file];
    const LocalShard shard{rank, survey_.hosts_of(rank).at(tier_.host())};
    const auto path = tier_.folder / survey_.generation.name / shard.file();
    return open_.try_emplace(file, Hdf5File::open(path)).first->second;
  }

 private:
  const LocalTier& tier_;
  const Survey& survey_;
  std::map<std::size_t, Hdf5File> open_;
};

/// The rank that reads a shard of these hosts for this one.
int reader_of(const LocalTier& tier, const std::map<int, Holding>& hosts) {
  std::vector<int> holders;
  for (const auto& [host, holding] : hosts) holders.push_back(host);
  return reader_for(tier.hosts, tier.ranks->rank(), holders);
}

/// Fills the targets; returns what went wrong on any rank, on every rank.
std::string fill(const LocalTier& tier, const Survey& survey, std::span<const ArrayTarget> targets,
                 LocalResume& out) {
  Communicator& ranks = *tier.ranks;
  std::vector<Wanted> wanted;
  RemoteReadings remote;
  OpenShards shards(tier, survey);
  Index bytes = 0;
  std::string fault = fault_of_work([&] {
    wanted = matched(survey.merged.manifest, targets, survey.generation.name);
    for (const auto& [file, readings] : readings_by_file(wanted)) {
      const int rank = survey.merged.rank_of_file[file];
      const std::map<int, Holding>& hosts = survey.hosts_of(rank);
      for (const Reading& reading : readings) {
        if (hosts.contains(tier.host())) {
          read(shards(file), reading);
        } else {
          remote[reader_of(tier, hosts)].push_back(reading);
          bytes += static_cast<Index>(reading.bytes());
        }
      }
    }
  });
  fault = gather_faults(ranks, fault);
  if (!fault.empty()) return fault;
  out.received_bytes = all_reduce(ranks, bytes);
  if (out.received_bytes == 0) return {};
  return gather_faults(
      ranks, exchange_boxes(ranks, survey.merged.manifest, remote,
                            [&](std::size_t file) -> const Hdf5File& { return shards(file); }));
}

/// Those of all hosts that count, on every rank.
std::vector<Generation> found_generations(const LocalTier& tier, Index above) {
  std::string mine;
  const std::string fault = fault_of_work([&] {
    if (!tier.leads()) return;
    for (const Generation& there : list_generations(tier.folder))
      if (counts(tier.sessions, there)) mine += there.name + "\n";
  });
  if (!fault.empty()) log_warning("{}", fault);
  std::vector<std::vector<Generation>> of_each_host;
  for (const std::string& names : gather_strings(*tier.ranks, mine)) {
    of_each_host.emplace_back();
    for (std::size_t first = 0, last = 0; first < names.size(); first = last + 1) {
      last = names.find('\n', first);
      if (auto there = generation_of(names.substr(first, last - first)))
        of_each_host.back().push_back(std::move(*there));
    }
  }
  return candidates(of_each_host, above);
}

}  // namespace

std::optional<LocalResume> resume_local(const LocalTier& tier, Index above,
                                        std::span<const ArrayTarget> targets,
                                        const CheckState& check) {
  for (const Generation& generation : found_generations(tier, above)) {
    const Survey survey = survey_generation(tier, generation);
    std::string fault = survey.fault;
    if (fault.empty()) {
      const Manifest& manifest = survey.merged.manifest;
      LocalResume out{{tier.folder / generation.name, manifest.step, manifest.state_json},
                      survey.shards(),
                      survey.from_copies()};
      together(*tier.ranks, [&] { check(out.state); });
      fault = fill(tier, survey, targets, out);
      if (fault.empty()) return out;
    }
    if (tier.ranks->rank() == 0)
      log_warning("the local generation of step {} is passed over: {}", generation.step, fault);
  }
  return std::nullopt;
}

}  // namespace tokenwerk
