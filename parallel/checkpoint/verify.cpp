/// Looking at a checkpoint without loading it.

#include "parallel/checkpoint/folder.h"

namespace tokenwerk {
namespace fs = std::filesystem;

CheckpointFault fault_from(const fs::path& file, const CheckpointError& error) {
  std::string_view what = error.what();
  const std::string prefix = file.string() + ": ";
  if (what.starts_with(prefix)) what.remove_prefix(prefix.size());
  return {file.string(), std::string(what)};
}

std::optional<CheckpointFault> fault_of(const fs::path& folder, const StoredFile& file) {
  const std::string path = (folder / file.name).string();
  std::error_code fault;
  const auto bytes = fs::file_size(path, fault);
  if (fault) return CheckpointFault{path, fault.message()};
  if (bytes != file.sum.bytes)
    return CheckpointFault{path, fmt::format("has {} bytes instead of {}", bytes, file.sum.bytes)};
  try {
    const FileSum sum = checksum_file(path);
    if (sum == file.sum) return std::nullopt;
    return CheckpointFault{path, fmt::format("is damaged: its checksum is {} instead of {}",
                                             hexadecimal(sum.xxh3), hexadecimal(file.sum.xxh3))};
  } catch (const CheckpointError& error) {
    return fault_from(path, error);
  }
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
