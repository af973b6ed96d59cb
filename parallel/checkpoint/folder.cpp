#include "parallel/checkpoint/folder.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <system_error>

#include "core/log.h"
#include "parallel/checkpoint/durable.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view prefix = "step-";
constexpr std::string_view removing_ending = ".removing";
constexpr std::string_view replaced_ending = ".replaced";
constexpr std::string_view damaged_ending = ".damaged";

fs::path with_ending(fs::path path, std::string_view ending) { return path += ending; }

fs::path without_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

// "step-00000100" of "step-00000100.removing", when that is what the name is.
std::optional<std::string> without_ending(std::string_view name, std::string_view ending) {
  if (!name.ends_with(ending)) return std::nullopt;
  name.remove_suffix(ending.size());
  if (!step_of(name)) return std::nullopt;
  return std::string(name);
}

// Removal of a folder takes many steps, so that a kill could leave a checkpoint with holes: first
// it loses its name.
void remove_checkpoint(const fs::path& folder) {
  const fs::path doomed = with_ending(folder, removing_ending);
  remove_path(doomed);
  rename_path(folder, doomed);
  remove_path(doomed);
}

}  // namespace

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code fault;
  fs::directory_iterator entry(directory, fault);
  if (fault == std::errc::no_such_file_or_directory) return names;
  for (; !fault && entry != fs::directory_iterator(); entry.increment(fault))
    names.push_back(entry->path().filename().string());
  if (fault && !says_missing(fault.value()))
    TW_RAISE(UnreadableError, directory.string(), ": cannot be read: ", fault.message());
  TW_CHECK_AS(CheckpointError, !fault, directory.string(), ": cannot list: ", fault.message());
  std::ranges::sort(names);
  return names;
}

std::string step_folder(Index step) { return fmt::format("{}{:08}", prefix, step); }

std::optional<Index> step_of(std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  Index step = 0;
  const char* end = name.data() + name.size();
  const auto [stop, fault] = std::from_chars(name.data() + prefix.size(), end, step);
  if (fault != std::errc() || stop != end || step < 0 || name != step_folder(step))
    return std::nullopt;
  return step;
}

void put_back_replaced(const fs::path& directory) {
  for (const std::string& name : names_in(directory)) {
    const auto step = without_ending(name, replaced_ending);
    std::error_code fault;
    if (step && !fs::exists(directory / *step, fault))
      rename_path(directory / name, directory / *step);
  }
}

void clean_up(const fs::path& directory) {
  put_back_replaced(directory);
  for (const std::string& name : names_in(directory)) {
    if (without_ending(name, replaced_ending)) {
      remove_path(directory / name);
    } else if (without_ending(name, aside_ending) || without_ending(name, removing_ending)) {
      log_warning("{}: removed, an unfinished checkpoint", (directory / name).string());
      remove_path(directory / name);
    }
  }
}

AsideFolder::AsideFolder(const fs::path& directory, Index step)
    : final_(directory / step_folder(step)), aside_(aside(final_)) {
  make_folder(directory);
  clean_up(directory);
  make_folder(aside_);
}

AsideFolder::~AsideFolder() {
  if (published_) return;
  std::error_code fault;
  fs::remove_all(aside_, fault);
  if (fault) log_error("{}: cannot remove: {}", aside_.string(), fault.message());
}

void AsideFolder::publish() {
  sync_folder(aside_);
  const fs::path old = with_ending(final_, replaced_ending);
  std::error_code fault;
  const bool replaces = fs::exists(final_, fault);
  const bool exchanged = replaces && exchange_paths(aside_, final_);
  if (!exchanged) {  // a kill between two renames leaves the old one `.replaced`
    if (replaces) rename_path(final_, old);
    fs::rename(aside_, final_, fault);
    if (fault && replaces) rename_path(old, final_);
    TW_CHECK_AS(CheckpointError, !fault, aside_.string(), ": cannot rename: ", fault.message());
  }
  published_ = true;
  sync_folder(final_.parent_path());
  if (replaces) remove_path(exchanged ? aside_ : old);
}

void pass_over_checkpoint(const fs::path& folder, const std::string& why) {
  log_warning("{}: passed over: {}", folder.string(), why);
}

fs::path set_aside_checkpoint(const fs::path& folder, const std::string& why) {
  fs::path aside = with_ending(folder, damaged_ending);
  std::error_code fault;
  for (int next = 2; fs::exists(aside, fault); ++next)
    aside = with_ending(folder, fmt::format("{}-{}", damaged_ending, next));
  rename_path(folder, aside);
  sync_folder(folder.parent_path());
  std::ofstream(aside / "damage.txt") << why << '\n';  // a full disk may not stop the run
  return aside;
}

std::vector<fs::path> list_checkpoints(const fs::path& path) {
  const fs::path folder = without_slash(path);
  std::error_code fault;
  if (step_of(folder.filename().string()) || fs::exists(folder / manifest_file, fault))
    return {folder};
  std::map<Index, std::string> steps;
  for (const std::string& name : names_in(folder)) {
    const auto replaced = without_ending(name, replaced_ending);
    // Where a kill has kept its successor from arriving, it still is the checkpoint of its step.
    if (const auto step = step_of(replaced.value_or(name)))
      steps.try_emplace(*step, name);  // the names are sorted: "step-00000100" comes first
  }
  std::vector<fs::path> folders;
  for (const auto& [step, name] : steps) folders.push_back(folder / name);
  return folders;
}

namespace {

struct Latest {
  std::optional<fs::path> folder;
  std::vector<CheckpointFault> newer;  // what is wrong with those that are newer
};

Latest find_latest(const fs::path& directory) {
  Latest out;
  std::vector<fs::path> folders = list_checkpoints(directory);
  for (; !folders.empty(); folders.pop_back()) {
    auto fault = incompleteness_of(folders.back());
    if (!fault) {
      out.folder = folders.back();
      break;
    }
    out.newer.push_back(std::move(*fault));
  }
  return out;
}

}  // namespace

std::optional<fs::path> latest_checkpoint(const fs::path& directory) {
  return find_latest(directory).folder;
}

fs::path resolve_checkpoint(const fs::path& path) {
  const std::vector<fs::path> folders = list_checkpoints(path);
  if (folders.size() == 1 && folders[0] == without_slash(path)) return folders[0];
  const Latest latest = find_latest(path);
  if (!latest.folder) {
    std::string newest;
    if (!latest.newer.empty())
      newest = fmt::format(", not even {}: {}", latest.newer[0].file, latest.newer[0].what);
    TW_RAISE(CheckpointError, path.string(), ": no complete checkpoint there", newest);
  }
  for (const CheckpointFault& fault : latest.newer)
    log_warning("{}: passed over, {}: {}", fault.file,
                fault.kind == CheckpointFault::Kind::damage ? "not a complete checkpoint"
                                                            : "of which nothing is known",
                fault.what);
  return *latest.folder;
}

void prune_checkpoints(const fs::path& directory, KeepPolicy policy) {
  if (policy.keep <= 0) return;
  clean_up(directory);
  std::vector<fs::path> folders = list_checkpoints(directory);
  Index newer = 0;
  for (; !folders.empty(); folders.pop_back()) {
    const Index step = step_of(folders.back().filename().string()).value_or(0);
    const bool marked = policy.keep_every > 0 && step % policy.keep_every == 0;
    // A manifest may be large: only those are read that could go or keep others from going.
    if (newer >= policy.keep && marked) continue;
    if (incompleteness_of(folders.back())) continue;
    if (newer++ < policy.keep) continue;
    remove_checkpoint(folders.back());
  }
}

}  // namespace tokenwerk
