/// Writing a checkpoint: agree on what it holds, write shards aside, then view and manifest, then
/// give the folder its name.

#include <fmt/core.h>

#include <map>
#include <optional>

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

/// A part and the dataset of this rank's shard that takes it.
struct Piece {
  const ArrayPart* part;
  std::string dataset;
};

/// What this rank writes.
struct Share {
  std::vector<StoredArray> arrays;  ///< for the others; empty boxes have no part here
  std::vector<Piece> pieces;
};

Share share_of(std::span<const ArrayPart> parts) {
  Share share;
  std::map<std::string, std::size_t> known;  // name -> position in arrays
  std::vector<std::string> faults;
  for (const ArrayPart& part : parts) {
    const auto [place, is_new] = known.try_emplace(part.name, share.arrays.size());
    if (is_new) share.arrays.push_back({part.name, part.value.dtype, part.global_shape, {}});
    StoredArray& array = share.arrays[place->second];
    if (!(array.shape == part.global_shape) || array.dtype != part.value.dtype)
      faults.push_back(part.name + ": given with two shapes or dtypes");
    if (part.box.extent.count() == 0) continue;
    const std::string fault = window_fault(part.box, part.value);
    if (!fault.empty()) faults.push_back(fmt::format("{}: {}", part.name, fault));
    const std::size_t before = array.parts.size();
    std::string dataset = before == 0 ? part.name : fmt::format("{}#{}", part.name, before);
    array.parts.push_back({0, dataset, part.box});
    share.pieces.push_back({&part, std::move(dataset)});
  }
  TW_CHECK_AS(CheckpointError, faults.empty(), joined(faults, "; "));
  return share;
}

/// All ranks' arrays as one list; `file_of_rank` says which file holds a rank's parts.
class Merge {
 public:
  void add(int rank, std::vector<StoredArray> arrays, std::size_t file) {
    for (StoredArray& array : arrays) {
      const auto [place, is_new] = known_.try_emplace(array.name, manifest_.arrays.size());
      if (is_new) manifest_.arrays.push_back({array.name, array.dtype, array.shape, {}});
      StoredArray& merged = manifest_.arrays[place->second];
      if (!(merged.shape == array.shape) || merged.dtype != array.dtype)
        faults_.push_back(fmt::format("{}: rank {} gives {} {}, others {} {}", array.name, rank,
                                      name_of(array.dtype), array.shape.text(),
                                      name_of(merged.dtype), merged.shape.text()));
      for (StoredPart& part : array.parts) {
        part.file = file;
        merged.parts.push_back(std::move(part));
      }
    }
  }
  Manifest finish() {
    const std::vector<std::string> more = faults_of(manifest_.arrays);
    faults_.insert(faults_.end(), more.begin(), more.end());
    TW_CHECK_AS(CheckpointError, faults_.empty(), "cannot be saved: ", joined(faults_, "; "));
    return std::move(manifest_);
  }

 private:
  Manifest manifest_;
  std::map<std::string, std::size_t> known_;
  std::vector<std::string> faults_;
};

bool has_parts(const std::vector<StoredArray>& arrays) {
  for (const StoredArray& array : arrays)
    if (!array.parts.empty()) return true;
  return false;
}

/// On rank 0 the manifest of all ranks' shares, sums still to come.
Manifest merged(const std::vector<std::string>& shares) {
  Merge merge;
  std::vector<StoredFile> files;
  for (std::size_t rank = 0; rank < shares.size(); ++rank) {
    std::vector<StoredArray> arrays = parse_arrays(shares[rank]);
    const bool writes = has_parts(arrays);
    merge.add(static_cast<int>(rank), std::move(arrays), files.size());
    if (writes) files.push_back({shard_file(static_cast<int>(rank)), {}});
  }
  Manifest manifest = merge.finish();
  manifest.files = std::move(files);
  return manifest;
}

FileSum write_shard(const fs::path& path, const std::vector<Piece>& pieces) {
  Hdf5File file = Hdf5File::create(path);
  for (const Piece& piece : pieces) {
    const ArrayPart& part = *piece.part;
    const HostCopy copy(part.value);
    const ConstTensorView& value = copy.view();
    if (value.dense()) {
      file.write(piece.dataset, value.dtype, part.box.extent, value.data);
    } else {
      const std::vector<std::byte> dense = packed(part.box.extent, value);
      file.write(piece.dataset, value.dtype, part.box.extent, dense.data());
    }
  }
  file.close();
  // Only closed bytes are final, and only what can be read back counts.
  const FileSum sum = checksum_file(path);
  sync_file(path);
  sync_folder(path.parent_path());
  return sum;
}

/// Puts the sums of the ranks that wrote into rank 0's manifest, whose files stand in rank order.
void gather_sums(Communicator& communicator, const std::optional<FileSum>& mine,
                 Manifest& manifest) {
  const std::vector<std::string> texts = gather_strings(
      communicator, mine ? fmt::format("{} {}", mine->bytes, mine->xxh3) : std::string());
  auto file = manifest.files.begin();
  for (const std::string& text : texts) {
    if (text.empty() || file == manifest.files.end()) continue;
    file++->sum = {std::stoull(text), std::stoull(text.substr(text.find(' ')))};
  }
}

}  // namespace

void save_checkpoint(Communicator& communicator, const fs::path& directory, Index step,
                     std::span<const ArrayPart> parts, std::string_view state_json) {
  Share share;
  together(communicator, [&] { share = share_of(parts); });
  const std::vector<std::string> shares = gather_strings(communicator, to_text(share.arrays));
  Manifest manifest;
  std::optional<AsideFolder> folder;  // rank 0's: it alone makes, names and removes folders
  on_first_rank(communicator, [&] {
    manifest = merged(shares);
    manifest.step = step;
    manifest.state_json = state_json;
    check_state(state_json);
    folder.emplace(directory, step);
  });

  const fs::path shard = aside(directory / step_folder(step)) / shard_file(communicator.rank());
  std::optional<FileSum> sum;
  together(communicator, [&] {
    if (!share.pieces.empty()) sum = write_shard(shard, share.pieces);
  });
  gather_sums(communicator, sum, manifest);

  on_first_rank(communicator, [&] {
    manifest.view = write_view(folder->path(), manifest);
    write_text_file(folder->path() / manifest_file, to_text(manifest));
    folder->publish();
  });
}

}  // namespace tokenwerk
