/// Reading a checkpoint: the manifest, then every file's sum, then the boxes that the targets want.

#include <fmt/core.h>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/checkpoint/hdf5_file.h"
#include "parallel/checkpoint/reading.h"
#include "parallel/checkpoint/view.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

/// A checkpoint whose manifest has been read.
struct Opened {
  fs::path folder;
  Manifest manifest;
};

/// Rank 0 reads, so that thousands of ranks do not ask the file system for one small file.
Opened open_together(Communicator& communicator, const fs::path& folder) {
  std::string text;
  const fs::path source = folder / manifest_file;
  on_first_rank(communicator, [&] {
    text = read_text_file(source);
    (void)parse_manifest(text, source);
  });
  text = broadcast_string(communicator, text);
  Opened opened{folder, {}};
  together(communicator, [&] { opened.manifest = parse_manifest(text, source); });
  return opened;
}

/// What is wrong with the shards, on every rank; each rank reads its share of them.
std::string damage_of(Communicator& communicator, const Opened& opened) {
  std::string mine;
  const auto& files = opened.manifest.files;
  const auto size = static_cast<std::size_t>(communicator.size());
  for (auto i = static_cast<std::size_t>(communicator.rank()); i < files.size(); i += size)
    if (const auto fault = fault_of(opened.folder, files[i]))
      mine += fmt::format("; {} {}", fault->file, fault->what);
  if (all_ok(communicator, mine.empty())) return {};
  std::string all;
  for (const std::string& faults : gather_strings(communicator, mine)) all += faults;
  return all.substr(2);
}

void fill(const Opened& opened, std::vector<Wanted>& wanted) {
  for (const auto& [position, readings] : readings_by_file(wanted)) {
    const Hdf5File file = Hdf5File::open(opened.folder / opened.manifest.files[position].name);
    for (const Reading& reading : readings) read(file, reading);
  }
}

/// The shards have been verified.
CheckpointState read_together(Communicator& communicator, const Opened& opened,
                              std::span<const ArrayTarget> targets) {
  std::vector<Wanted> wanted;
  together(communicator,
           [&] { wanted = matched(opened.manifest, targets, opened.folder.string()); });
  if (communicator.rank() == 0) repair_view(opened.folder, opened.manifest);
  together(communicator, [&] { fill(opened, wanted); });
  return {opened.folder, opened.manifest.step, opened.manifest.state_json};
}

/// Rank 0's list, newest first, on every rank.
std::vector<fs::path> newest_first(Communicator& communicator, const fs::path& directory) {
  std::string lines;
  on_first_rank(communicator, [&] {
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

/// Why a checkpoint cannot be resumed from, on every rank; `opened` is filled when it can.
std::string unusable(Communicator& communicator, const fs::path& folder, Opened& opened) {
  std::string fault;
  if (communicator.rank() == 0)
    if (const auto found = incompleteness_of(folder)) fault = found->file + " " + found->what;
  fault = broadcast_string(communicator, fault);
  if (!fault.empty()) return fault;
  opened = open_together(communicator, folder);
  return damage_of(communicator, opened);
}

}  // namespace

CheckpointState load_checkpoint(Communicator& communicator, const fs::path& path,
                                std::span<const ArrayTarget> targets) {
  std::string folder;
  on_first_rank(communicator, [&] { folder = resolve_checkpoint(path).string(); });
  const Opened opened = open_together(communicator, broadcast_string(communicator, folder));
  const std::string damage = damage_of(communicator, opened);
  TW_CHECK_AS(CheckpointError, damage.empty(), damage);
  return read_together(communicator, opened, targets);
}

std::optional<CheckpointState> resume_checkpoint(Communicator& communicator,
                                                 const fs::path& directory,
                                                 std::span<const ArrayTarget> targets,
                                                 const OnDamaged& on_damaged) {
  const std::vector<fs::path> folders = newest_first(communicator, directory);
  std::vector<std::string> faults;
  for (const fs::path& folder : folders) {
    Opened opened;
    faults.push_back(unusable(communicator, folder, opened));
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
