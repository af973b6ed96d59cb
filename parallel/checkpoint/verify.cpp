/// Looking at a checkpoint without loading it.

#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"

namespace tokenwerk {
namespace fs = std::filesystem;

CheckpointFault fault_from(const fs::path& file, const Error& error) {
  std::string_view what = error.what();
  const std::string prefix = file.string() + ": ";
  if (what.starts_with(prefix)) what.remove_prefix(prefix.size());
  const bool unreadable = dynamic_cast<const UnreadableError*>(&error) != nullptr;
  return {file.string(), std::string(what),
          unreadable ? CheckpointFault::Kind::unreadable : CheckpointFault::Kind::damage};
}

std::optional<CheckpointFault> size_fault_of(const fs::path& folder, const StoredFile& file) {
  const std::string path = (folder / file.name).string();
  std::error_code fault;
  const auto bytes = fs::file_size(path, fault);
  if (fault && !says_missing(fault.value()))
    return CheckpointFault{path, "cannot be read: " + fault.message(),
                           CheckpointFault::Kind::unreadable};
  if (fault) return CheckpointFault{path, fault.message()};
  if (bytes == file.sum.bytes) return std::nullopt;
  return CheckpointFault{path, fmt::format("has {} bytes instead of {}", bytes, file.sum.bytes)};
}

std::optional<CheckpointFault> incompleteness_of(const fs::path& folder) {
  return incompleteness_of(
      folder, [&] { return read_manifest(folder, [](std::string_view) { return false; }).files; });
}

std::optional<CheckpointFault> incompleteness_of(
    const fs::path& folder, const std::function<std::vector<StoredFile>()>& read) {
  try {
    for (const StoredFile& file : read())
      if (auto fault = size_fault_of(folder, file)) return fault;
    return std::nullopt;
  } catch (const CheckpointError& error) {
    return fault_from(folder / manifest_file, error);
  } catch (const UnreadableError& error) {
    return fault_from(folder / manifest_file, error);
  }
}

FileCheck::FileCheck(const fs::path& folder, const StoredFile& file)
    : path_(folder / file.name), wanted_(file.sum), fault_(size_fault_of(folder, file)) {}

bool FileCheck::ends_by(FileSumming::Clock::time_point time) {
  if (fault_) return true;
  try {
    if (!summing_) summing_.emplace(path_);
    if (!summing_->ends_by(time)) return false;
    const FileSum sum = summing_->sum();
    if (sum != wanted_)
      fault_ = {path_.string(), fmt::format("is damaged: its checksum is {} instead of {}",
                                            hexadecimal(sum.xxh3), hexadecimal(wanted_.xxh3))};
  } catch (const CheckpointError& error) {
    fault_ = fault_from(path_, error);
  } catch (const UnreadableError& error) {
    fault_ = fault_from(path_, error);
  }
  return true;
}

std::optional<CheckpointFault> fault_of(const fs::path& folder, const StoredFile& file) {
  FileCheck check(folder, file);
  while (!check.ends_by(FileSumming::Clock::time_point::max())) continue;
  return check.fault();
}

std::vector<CheckpointFault> verify_checkpoint(const fs::path& folder) {
  std::vector<CheckpointFault> faults;
  try {
    const Manifest manifest = read_manifest(folder);
    for (const StoredFile& file : manifest.files)
      if (const auto fault = fault_of(folder, file)) faults.push_back(*fault);
    if (manifest.view)
      if (const auto fault = fault_of(folder, *manifest.view)) faults.push_back(*fault);
  } catch (const CheckpointError& error) {
    faults.push_back(fault_from(folder / manifest_file, error));
  } catch (const UnreadableError& error) {
    faults.push_back(fault_from(folder / manifest_file, error));
  }
  return faults;
}

CheckpointSummary inspect_checkpoint(const fs::path& folder) {
  const Manifest manifest = read_manifest(folder);
  CheckpointSummary summary{folder, manifest.step, manifest.state_json, {}, {}, 0, 0};
  for (const StoredArray& array : manifest.arrays) {
    summary.arrays.push_back({array.name, array.dtype, array.shape, array.parts.size()});
    if (array.name.starts_with("model/")) summary.parameters += array.shape.count();
  }
  for (const StoredFile& file : manifest.files)
    summary.files.push_back({file.name, file.sum.bytes});
  if (manifest.view) summary.files.push_back({manifest.view->name, manifest.view->sum.bytes});
  for (const FileSummary& file : summary.files) summary.bytes += file.bytes;
  return summary;
}

}  // namespace tokenwerk
