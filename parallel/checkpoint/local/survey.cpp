#include "parallel/checkpoint/local/survey.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/log.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

/// Nobody takes it for a shard any more.
void set_aside(const fs::path& folder, const LocalShard& shard) {
  for (const std::string& name : {shard.index(), shard.file()}) {
    std::error_code ignored;  // a shard without arrays has no file; a full disk stops nothing
    fs::rename(folder / name, folder / (name + ".damaged"), ignored);
  }
}

/// The sum of a sound shard's index; throws what is wrong with it.
std::string checked_sum(const fs::path& folder, const LocalShard& shard) {
  const fs::path path = folder / shard.index();
  const std::string text = read_text_file(path), sum = hexadecimal(checksum(text));
  const LocalIndex index = parse_index(text, path);
  TW_CHECK_AS(CheckpointError, index.rank == shard.rank, path.string(), ": is that of rank ",
              index.rank);
  if (index.sum.bytes == 0) return sum;
  const auto fault = fault_of(folder, {shard.file(), index.sum});
  TW_CHECK_AS(CheckpointError, !fault, fault->file, " ", fault->what);
  return sum;
}

/// What this rank has looked at.
struct Looked {
  /// {"sound": [[3, 0, "sum of the index"], ...], "damaged": ["..."]}
  Json report{{"sound", Json::array()}, {"damaged", Json::array()}};
  std::vector<LocalShard> damaged;
};

/// Renames nothing: the others of the host divide the same names among them.
Looked look(const LocalTier& tier, const fs::path& folder) {
  Looked looked;
  Json& report = looked.report;
  std::vector<LocalShard> shards;
  const std::string fault = fault_of_work([&] { shards = list_shards(folder); });
  if (!fault.empty()) report["damaged"].push_back(fault);
  const auto here = tier.hosts.ranks[static_cast<std::size_t>(tier.host())].size();
  for (auto i = static_cast<std::size_t>(tier.place()); i < shards.size(); i += here) {
    std::string sum;
    const std::string wrong = fault_of_work([&] { sum = checked_sum(folder, shards[i]); });
    if (wrong.empty()) {
      report["sound"].push_back({shards[i].rank, shards[i].holding == Holding::copy ? 1 : 0, sum});
    } else {
      looked.damaged.push_back(shards[i]);
      report["damaged"].push_back(wrong + "; set aside");
    }
  }
  return looked;
}

void add_reports(const LocalTier& tier, const std::vector<std::string>& reports, Survey& survey) {
  std::map<int, std::string> sums;
  for (std::size_t rank = 0; rank < reports.size(); ++rank) {
    const int host = tier.hosts.host_of_rank[rank];
    const Json report = Json::parse(reports[rank]);
    for (const Json& sound : report.at("sound")) {
      const Holding holding = sound.at(1) == 1 ? Holding::copy : Holding::own;
      auto& held = survey.holders[sound.at(0)].try_emplace(host, holding).first->second;
      held = std::min(held, holding);  // a host may have both
      const auto sum = sound.at(2).get<std::string>();
      if (sums.try_emplace(sound.at(0), sum).first->second != sum)
        survey.fault =
            fmt::format("hosts hold different shards of rank {}", sound.at(0).get<int>());
    }
    if (tier.ranks->rank() != 0) continue;
    for (const Json& damage : report.at("damaged"))
      log_warning("host {}: {}", tier.hosts.names[static_cast<std::size_t>(host)],
                  damage.get<std::string>());
  }
}

/// The indexes that this rank reads for all: of each shard one rank does, and of one the state.
std::string indexes_for_all(const LocalTier& tier, const Survey& survey, const fs::path& folder) {
  Json texts = Json::array();
  for (const auto& [rank, hosts] : survey.holders) {
    const auto& [host, holding] = *hosts.begin();
    if (tier.hosts.rank_on(host, rank) != tier.ranks->rank()) continue;
    const fs::path path = folder / LocalShard{rank, holding}.index();
    const std::string fault = fault_of_work([&] {
      const std::string text = read_text_file(path);
      const bool first = rank == survey.holders.begin()->first;
      texts.push_back(first ? text : summary_text(parse_index(text, path)));
    });
    if (!fault.empty()) log_warning("{}", fault);
  }
  return texts.dump();
}

}  // namespace

Index Survey::from_copies() const {
  return std::ranges::count_if(holders, [](const auto& held) {
    return std::ranges::all_of(held.second,
                               [](const auto& host) { return host.second == Holding::copy; });
  });
}

Survey survey_generation(const LocalTier& tier, const Generation& generation) {
  Survey survey;
  survey.generation = generation;
  const fs::path folder = tier.folder / generation.name;
  const Looked looked = look(tier, folder);
  const std::vector<std::string> reports = gather_strings(*tier.ranks, looked.report.dump());
  for (const LocalShard& shard : looked.damaged) set_aside(folder, shard);  // all have looked
  add_reports(tier, reports, survey);
  if (!survey.fault.empty()) return survey;  // the same on every rank, as what follows
  const std::vector<std::string> all =
      gather_strings(*tier.ranks, indexes_for_all(tier, survey, folder));
  survey.fault = fault_of_work([&] {
    std::vector<LocalIndex> found;
    for (const std::string& texts : all)
      for (const Json& text : Json::parse(texts))
        found.push_back(parse_index(text.get<std::string>(), generation.name));
    survey.merged = merged_generation(std::move(found));
  });
  return survey;
}

}  // namespace tokenwerk
