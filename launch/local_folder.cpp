#include "launch/local_folder.h"

#include <algorithm>
#include <random>
#include <system_error>

#include "core/data/files.h"
#include "core/log.h"
#include "launch/agreement.h"
#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

std::string random_digits() {
  std::random_device random;
  return hexadecimal((std::uint64_t{random()} << 32) | random());
}

std::string full_path(const fs::path& checkpoints) {
  return fs::weakly_canonical(checkpoints).string();
}

/// Nobody knows what of the hosts' disks counts. To begin anew for that is for a person to decide.
void set_aside_marker(const Recipe& recipe, const std::string& damage) {
  const fs::path checkpoints = recipe.checkpoint.directory.value();
  const bool anew = recipe.checkpoint.resume == "latest" && list_checkpoints(checkpoints).empty();
  TW_CHECK_AS(CheckpointError, !anew, damage,
              ": what the hosts hold of this run cannot be told from that of others, and there is "
              "no checkpoint; remove the file to start at step 0");
  const fs::path file = local_marker_file(checkpoints), aside = file.string() + ".damaged";
  std::error_code fault;
  fs::rename(file, aside, fault);  // where it cannot be, its successor takes its place
  log_warning("{}: {}: what the hosts hold of this run is left alone", damage,
              fault ? "cannot be set aside" : "set aside as " + aside.filename().string());
}

/// Rank 0's: the run's marker, and which folder was that of the run before.
struct Marked {
  LocalMarker marker;
  std::string stale;
};
Marked mark_run(const Recipe& recipe) {
  const fs::path checkpoints = recipe.checkpoint.directory.value();
  const auto [there, damage] = find_local_marker(checkpoints);
  if (!damage.empty()) set_aside_marker(recipe, damage);
  const bool ours = there && there->directory == full_path(checkpoints);
  if (ours && recipe.checkpoint.resume == "latest") return {*there, ""};
  if (there && !ours)
    log_warning("{}: a copy of that of {}: what the hosts hold of that run is left alone",
                local_marker_file(checkpoints).string(), there->directory);
  const Marked marked{{random_digits(), full_path(checkpoints), std::nullopt, {}},
                      ours ? there->run : std::string()};
  write_local_marker(checkpoints, marked.marker);
  return marked;
}

}  // namespace

fs::path local_folder_on(const std::string& local, const std::string& host) {
  constexpr std::string_view pattern = "{host}";
  std::string path = local;
  for (std::size_t at = path.find(pattern); at != std::string::npos;
       at = path.find(pattern, at + host.size()))
    path.replace(at, pattern.size(), host);
  return path;
}

std::optional<LocalTier> open_local_tier(Communicator& ranks, const std::string& host,
                                         const Recipe& recipe) {
  if (!recipe.checkpoint.local) return std::nullopt;
  Marked marked;
  agree_with_first(ranks, [&] { marked = mark_run(recipe); });
  const LocalMarker marker =
      parse_local_marker(broadcast_string(ranks, marker_text(marked.marker))).value();
  const std::string stale = broadcast_string(ranks, marked.stale);
  const fs::path local = local_folder_on(*recipe.checkpoint.local, host);
  LocalTier tier{&ranks, gather_hosts(ranks, host), local / marker.run, marker.sessions};
  if (tier.leads() && !stale.empty()) {
    std::error_code fault;
    fs::remove_all(local / stale, fault);
    if (fault) log_warning("{}: cannot be removed: {}", (local / stale).string(), fault.message());
  }
  if (tier.hosts.hosts() == 1 && ranks.rank() == 0)
    log_warning(
        "checkpoint.local: all ranks are on one host: no other keeps a copy, so that only killed "
        "ranks go on from it");
  return tier;
}

std::string begin_local_session(LocalTier& tier, const fs::path& checkpoints, Index step) {
  const Index from = std::min(step, tier.unwritten.value_or(step));
  const std::string name = random_digits().substr(8);
  std::string fault;
  if (tier.ranks->rank() == 0)
    fault = fault_of_work([&] {
      const auto there = read_local_marker(checkpoints);
      std::optional<Index> newest = there ? there->step : std::nullopt;
      if (newest) newest = std::min(*newest, from);
      LocalMarker marker = marker_of(tier, checkpoints, newest == 0 ? std::nullopt : newest);
      begin_session(marker.sessions, name, from);
      write_local_marker(checkpoints, marker);
    });
  fault = broadcast_string(*tier.ranks, fault);
  tier.unwritten = fault.empty() ? std::nullopt : std::optional(from);
  if (fault.empty()) begin_session(tier.sessions, broadcast_string(*tier.ranks, name), from);
  return fault;
}

LocalMarker marker_of(const LocalTier& tier, const fs::path& checkpoints,
                      std::optional<Index> newest) {
  return {tier.folder.filename().string(), full_path(checkpoints), newest, tier.sessions};
}

}  // namespace tokenwerk
