/// Reading a checkpoint: the manifest, then every file's sum, then the boxes that the targets want.

#include <fmt/core.h>

#include <set>
#include <utility>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/checkpoint/hdf5_file.h"
#include "parallel/checkpoint/reading.h"
#include "parallel/checkpoint/shard_look.h"
#include "parallel/checkpoint/view.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

/// A manifest as rank 0 reads it, once: it may be large.
struct WholeManifest {
  std::string text;
  Manifest manifest;
};
WholeManifest read_whole(const fs::path& folder) {
  const fs::path source = folder / manifest_file;
  WholeManifest whole{read_text_file(source), {}};
  whole.manifest = parse_manifest(whole.text, source);
  return whole;
}

/// A checkpoint whose manifest has been read.
struct Opened {
  fs::path folder;
  Manifest manifest;
};

/// Work of rank 0 alone that reads: what it throws, all throw.
void read_on_first_rank(Communicator& communicator, const std::function<void()>& work) {
  const ReadFault fault = communicator.rank() == 0 ? fault_of_reading(work) : ReadFault();
  throw_unreadable(communicator, fault.unreadable);
  throw_with_first_rank(communicator, fault.damage);
}

/// Rank 0 has read, so that thousands of ranks do not ask the file system for one file. The others
/// keep only the arrays that they want.
Opened open_together(Communicator& communicator, const fs::path& folder, WholeManifest whole,
                     std::span<const ArrayTarget> targets) {
  const fs::path source = folder / manifest_file;
  const std::string text = broadcast_string(communicator, whole.text);
  Opened opened{folder, std::move(whole.manifest)};
  together(communicator, [&] {
    if (communicator.rank() == 0) return;
    std::set<std::string_view> wanted;
    for (const ArrayTarget& target : targets) wanted.insert(target.name);
    opened.manifest =
        parse_manifest(text, source, [&](std::string_view name) { return wanted.contains(name); });
  });
  return opened;
}

void fill(const Opened& opened, std::vector<Wanted>& wanted) {
  for (const auto& [position, readings] : readings_by_file(wanted)) {
    const Hdf5File file = Hdf5File::open(opened.folder / opened.manifest.files[position].name);
    for (const Reading& reading : readings) read(file, reading);
  }
}

/// The shards have been verified: what fails from here on is no damage of theirs.
CheckpointState read_together(Communicator& communicator, const Opened& opened,
                              std::span<const ArrayTarget> targets) {
  std::vector<Wanted> wanted;
  together(communicator,
           [&] { wanted = matched(opened.manifest, targets, opened.folder.string()); });
  if (communicator.rank() == 0) repair_view(opened.folder, opened.manifest);
  const ReadFault fault = fault_of_reading([&] { fill(opened, wanted); });
  throw_unreadable(communicator, fault.unreadable + fault.damage);
  return {opened.folder, opened.manifest.step, opened.manifest.state_json};
}

/// Rank 0's list, newest first, on every rank.
std::vector<fs::path> newest_first(Communicator& communicator, const fs::path& directory) {
  std::string lines;
  read_on_first_rank(communicator, [&] {
    for (const fs::path& folder : list_checkpoints(directory))
      lines.insert(0, folder.string() + "\n");
  });
  lines = broadcast_string(communicator, lines);
  std::vector<fs::path> folders;
  for (std::size_t first = 0, last = 0; first < lines.size(); first = last + 1) {
    last = lines.find('\n', first);
    folders.emplace_back(lines.substr(first, last - first));
  }
  return folders;
}

/// How a checkpoint is resumed from.
struct Resuming {
  std::span<const ArrayTarget> targets;
  const Alive& alive;
  const CheckState& check;
};

/// Why a checkpoint cannot be resumed from, on every rank; `opened` is filled when it can.
std::string unusable(Communicator& communicator, const fs::path& folder, const Resuming& how,
                     Opened& opened) {
  WholeManifest whole;
  CheckpointFault fault;
  if (communicator.rank() == 0) {
    const auto incomplete = incompleteness_of(folder, [&] {
      whole = read_whole(folder);
      return whole.manifest.files;
    });
    fault = incomplete.value_or(fault);
  }
  const std::string text = fault.file.empty() ? "" : fault.file + " " + fault.what;
  const bool damage = fault.kind == CheckpointFault::Kind::damage;
  throw_unreadable(communicator, damage ? "" : text);
  const std::string first = broadcast_string(communicator, text);
  if (!first.empty()) return first;
  opened = open_together(communicator, folder, std::move(whole), how.targets);
  const Manifest& manifest = opened.manifest;
  together(communicator, [&] {
    if (how.check) how.check({folder, manifest.step, manifest.state_json});
  });
  return damage_of_shards(communicator, folder, manifest.files, {.alive = how.alive});
}

}  // namespace

CheckpointState load_checkpoint(Communicator& communicator, const fs::path& path,
                                std::span<const ArrayTarget> targets, const Alive& alive) {
  std::string folder;
  WholeManifest whole;
  read_on_first_rank(communicator, [&] {
    folder = resolve_checkpoint(path).string();
    whole = read_whole(folder);
  });
  folder = broadcast_string(communicator, folder);
  const Opened opened = open_together(communicator, folder, std::move(whole), targets);
  const std::string damage =
      damage_of_shards(communicator, opened.folder, opened.manifest.files, {.alive = alive});
  TW_CHECK_AS(CheckpointError, damage.empty(), damage);
  return read_together(communicator, opened, targets);
}

std::optional<CheckpointState> resume_checkpoint(Communicator& communicator,
                                                 const fs::path& directory,
                                                 std::span<const ArrayTarget> targets,
                                                 const OnDamaged& on_damaged, const Alive& alive,
                                                 const CheckState& check) {
  const std::vector<fs::path> folders = newest_first(communicator, directory);
  std::vector<std::string> faults;
  for (const fs::path& folder : folders) {
    Opened opened;
    faults.push_back(unusable(communicator, folder, {targets, alive, check}, opened));
    if (!faults.back().empty()) continue;
    on_first_rank(communicator, [&] {
      for (std::size_t i = 0; i + 1 < faults.size(); ++i) on_damaged(folders[i], faults[i]);
    });
    return read_together(communicator, opened, targets);
  }
  // Starting from nothing beside checkpoints that all are damaged is for a person to decide.
  TW_CHECK_AS(CheckpointError, folders.empty(), directory.string(),
              ": none of its checkpoints can be loaded; ", joined(faults, "; "));
  return std::nullopt;
}

}  // namespace tokenwerk
