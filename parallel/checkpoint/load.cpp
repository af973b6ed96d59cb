/// Reading a checkpoint: the manifest, then every file's sum, then the boxes that the targets want.

#include <fmt/core.h>

#include <map>

#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/checkpoint/hdf5_file.h"
#include "parallel/checkpoint/host_copy.h"
#include "parallel/checkpoint/view.h"
#include "parallel/checkpoint/window.h"
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

/// A target and the stored array that it wants a box of.
struct Wanted {
  const ArrayTarget* target;
  const StoredArray* array;
  HostTarget host;
  Index readings = 0;  ///< still to come
};

std::string target_fault(const ArrayTarget& target, const StoredArray* array) {
  if (array == nullptr) return "is not in the checkpoint";
  if (!(target.global_shape == array->shape))
    return fmt::format("has shape {} there, {} here", array->shape.text(),
                       target.global_shape.text());
  if (!lies_inside(target.box, array->shape))
    return fmt::format("box {} is not inside {}", text_of(target.box), array->shape.text());
  if (!converts(array->dtype, target.value.dtype))
    return fmt::format("is {} there, {} here", name_of(array->dtype), name_of(target.value.dtype));
  if (target.box.extent.count() == 0) return {};
  return window_fault(target.box, target.value);
}

/// Throws with all that does not fit.
std::vector<Wanted> matched(const Opened& opened, std::span<const ArrayTarget> targets) {
  std::map<std::string_view, const StoredArray*> arrays;
  for (const StoredArray& array : opened.manifest.arrays) arrays[array.name] = &array;
  std::vector<Wanted> wanted;
  std::vector<std::string> faults;
  for (const ArrayTarget& target : targets) {
    const auto place = arrays.find(target.name);
    const StoredArray* array = place == arrays.end() ? nullptr : place->second;
    const std::string fault = target_fault(target, array);
    if (!fault.empty()) faults.push_back(fmt::format("{} {}", target.name, fault));
    wanted.push_back({&target, array, HostTarget(target.value)});
  }
  TW_CHECK_AS(CheckpointError, faults.empty(), opened.folder.string(), ": ", joined(faults, "; "));
  return wanted;
}

/// One box to read: from a part of an array into a target that wants some of it.
struct Reading {
  Wanted* wanted;
  const StoredPart* part;
  Box shared;  ///< in the global array
};

void read(const Hdf5File& file, const Reading& reading) {
  const ArrayTarget* const target = reading.wanted->target;
  const StoredArray* const array = reading.wanted->array;
  const TensorView window = reading.wanted->host.view();
  const Shape& stored = reading.part->box.extent;
  const Box from = relative_to(reading.shared, reading.part->box);
  const Box to = relative_to(reading.shared, target->box);
  void* direct = contiguous(window, target->box.extent, to);
  if (direct != nullptr && array->dtype == window.dtype) {
    file.read(reading.part->dataset, array->dtype, stored, from, direct);
    return;
  }
  std::vector<std::byte> dense(static_cast<std::size_t>(from.extent.count()) *
                               size_of(array->dtype));
  file.read(reading.part->dataset, array->dtype, stored, from, dense.data());
  unpack(window, target->box.extent, to, dense.data(), array->dtype);
}

void fill(const Opened& opened, std::vector<Wanted>& wanted) {
  std::map<std::size_t, std::vector<Reading>> by_file;  // each is opened once
  for (Wanted& want : wanted) {
    for (const StoredPart& part : want.array->parts) {
      const auto shared = intersect(part.box, want.target->box);
      if (!shared) continue;
      by_file[part.file].push_back({&want, &part, *shared});
      ++want.readings;
    }
  }
  for (const auto& [position, readings] : by_file) {
    const Hdf5File file = Hdf5File::open(opened.folder / opened.manifest.files[position].name);
    for (const Reading& reading : readings) {
      read(file, reading);
      if (--reading.wanted->readings == 0) reading.wanted->host.flush();
    }
  }
}

/// The shards have been verified.
CheckpointState read_together(Communicator& communicator, const Opened& opened,
                              std::span<const ArrayTarget> targets) {
  std::vector<Wanted> wanted;
  together(communicator, [&] { wanted = matched(opened, targets); });
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
