#include "parallel/checkpoint/local/local_tier.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "core/log.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view index_ending = ".json";

std::string stem(const LocalShard& shard) {
  return fmt::format("{}-{:05}", shard.holding == Holding::own ? "rank" : "copy", shard.rank);
}

/// The shard of an index's name.
std::optional<LocalShard> shard_of(std::string_view name) {
  if (name.size() < 5 + index_ending.size() || !name.ends_with(index_ending)) return std::nullopt;
  LocalShard shard;
  shard.holding = name.starts_with("copy-") ? Holding::copy : Holding::own;
  const char* end = name.data() + name.size() - index_ending.size();
  const auto [stop, fault] = std::from_chars(name.data() + 5, end, shard.rank);
  if (fault != std::errc() || stop != end || name != shard.index()) return std::nullopt;
  return shard;
}

/// What a full or broken disk of one host keeps stops no run.
template <typename Condition>
void remove_where(const fs::path& folder, const Condition& condition) {
  const std::string fault = fault_of_work([&] {
    for (const Generation& there : list_generations(folder))
      if (condition(there)) remove_path(folder / there.name);
  });
  if (!fault.empty()) log_warning("local generations stay: {}", fault);
}

}  // namespace

int LocalTier::host() const { return hosts.host_of_rank[static_cast<std::size_t>(ranks->rank())]; }
int LocalTier::place() const {
  return hosts.place_of_rank[static_cast<std::size_t>(ranks->rank())];
}

std::string LocalShard::file() const { return stem(*this) + ".h5"; }
std::string LocalShard::index() const { return stem(*this) + std::string(index_ending); }

std::string generation_name(Index step, const std::string& session) {
  return step_folder(step) + "." + session;
}

std::optional<Generation> generation_of(const std::string& name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return std::nullopt;
  const auto step = step_of(std::string_view(name).substr(0, dot));
  if (!step) return std::nullopt;
  return Generation{*step, name};
}

void begin_session(std::vector<LocalSession>& sessions, const std::string& name, Index step) {
  constexpr std::size_t most = 64;  // what an older one has kept does not count any more
  for (LocalSession& before : sessions) before.until = std::min(before.until.value_or(step), step);
  sessions.push_back({name});
  if (sessions.size() > most) sessions.erase(sessions.begin(), sessions.end() - most);
}

bool counts(const std::vector<LocalSession>& sessions, const Generation& generation) {
  return std::ranges::any_of(sessions, [&](const LocalSession& session) {
    return generation.name == generation_name(generation.step, session.name) &&
           generation.step <= session.until.value_or(generation.step);
  });
}

std::vector<Generation> list_generations(const fs::path& folder) {
  std::vector<Generation> found;
  for (const std::string& name : names_in(folder))
    if (auto generation = generation_of(name)) found.push_back(std::move(*generation));
  std::ranges::sort(found, [](const Generation& a, const Generation& b) {
    return a.step != b.step ? a.step > b.step : a.name < b.name;
  });
  return found;
}

std::vector<LocalShard> list_shards(const fs::path& generation) {
  std::vector<LocalShard> found;
  for (const std::string& name : names_in(generation))
    if (const auto shard = shard_of(name)) found.push_back(*shard);
  std::ranges::sort(found, [](const LocalShard& a, const LocalShard& b) {
    return a.holding != b.holding ? a.holding < b.holding : a.rank < b.rank;
  });
  return found;
}

void remove_generations_before(const fs::path& folder, Index step) {
  remove_where(folder, [&](const Generation& there) { return there.step < step; });
}

void remove_overtaken(const fs::path& folder, const std::vector<LocalSession>& sessions) {
  remove_where(folder, [&](const Generation& there) { return !counts(sessions, there); });
}

}  // namespace tokenwerk
