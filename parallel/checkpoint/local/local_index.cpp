#include "parallel/checkpoint/local/local_index.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "parallel/checkpoint/checksum.h"
#include "parallel/checkpoint/merge.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

/// "2, 3, 7 and 41 more"
std::string few(const std::vector<int>& numbers) {
  constexpr std::size_t most = 8;
  if (numbers.size() <= most) return fmt::format("{}", fmt::join(numbers, ", "));
  return fmt::format("{} and {} more", fmt::join(numbers.begin(), numbers.begin() + most, ", "),
                     numbers.size() - most);
}

std::string sum_of_state(const LocalIndex& index) {
  return index.state_json.empty() ? index.state_sum : hexadecimal(checksum(index.state_json));
}

std::string text_with(const LocalIndex& index, const char* key, const Json& state) {
  Manifest share;
  share.step = index.step;
  share.state_json = Json{{"rank", index.rank}, {"ranks", index.ranks}, {key, state}}.dump();
  if (index.sum.bytes > 0) share.files.push_back({shard_file(index.rank), index.sum});
  share.arrays = index.arrays;
  return to_text(share);
}

/// Boxes of two saves may fit each other though their numbers do not.
void check_same_save(const std::vector<LocalIndex>& found) {
  const LocalIndex& first = found.front();
  const std::string sum = sum_of_state(first);
  for (const LocalIndex& index : found)
    TW_CHECK_AS(
        CheckpointError,
        index.step == first.step && index.ranks == first.ranks && sum_of_state(index) == sum,
        "what rank ", index.rank, " wrote is not of the same save as that of rank ", first.rank);
}

}  // namespace

std::string index_text(const LocalIndex& index) {
  return text_with(index, "state", Json::parse(index.state_json));
}

std::string summary_text(const LocalIndex& index) {
  return text_with(index, "state_xxh3", sum_of_state(index));
}

LocalIndex parse_index(std::string_view text, const std::filesystem::path& source) {
  Manifest share = parse_share(text, source);
  LocalIndex index;
  index.step = share.step;
  if (!share.files.empty()) index.sum = share.files.front().sum;
  index.arrays = std::move(share.arrays);
  try {
    const Json state = Json::parse(share.state_json);
    state.at("rank").get_to(index.rank);
    state.at("ranks").get_to(index.ranks);
    if (state.contains("state"))
      index.state_json = state["state"].dump();
    else
      state.at("state_xxh3").get_to(index.state_sum);
  } catch (const Json::exception& fault) {
    TW_RAISE(CheckpointError, source.string(), ": not the index of a shard: ", fault.what());
  }
  return index;
}

MergedGeneration merged_generation(std::vector<LocalIndex> found) {
  TW_CHECK_AS(CheckpointError, !found.empty(), "no shard of it is left");
  std::ranges::sort(found, {}, &LocalIndex::rank);
  check_same_save(found);
  std::vector<int> missing;
  auto next = found.begin();
  for (int rank = 0; rank < found.front().ranks; ++rank) {
    if (next != found.end() && next->rank == rank)
      ++next;
    else
      missing.push_back(rank);
  }
  TW_CHECK_AS(CheckpointError, missing.empty(), "what rank ", few(missing),
              " wrote is on no host that is left");
  MergedGeneration out;
  out.manifest.step = found.front().step;
  Merge merge;
  for (LocalIndex& index : found) {
    if (!index.state_json.empty()) out.manifest.state_json = index.state_json;
    merge.add(index.rank, std::move(index.arrays), out.manifest.files.size());
    if (index.sum.bytes == 0) continue;
    out.manifest.files.push_back({shard_file(index.rank), index.sum});
    out.rank_of_file.push_back(index.rank);
  }
  out.manifest.arrays = merge.finish("");
  return out;
}

std::vector<Generation> candidates(const std::vector<std::vector<Generation>>& of_each_host,
                                   Index above) {
  std::vector<Generation> out;
  std::set<std::string> names;
  for (const auto& generations : of_each_host)
    for (const Generation& generation : generations)
      if (generation.step > above && names.insert(generation.name).second)
        out.push_back(generation);
  std::ranges::sort(out, [](const Generation& a, const Generation& b) {
    return a.step != b.step ? a.step > b.step : a.name < b.name;
  });
  return out;
}

}  // namespace tokenwerk
