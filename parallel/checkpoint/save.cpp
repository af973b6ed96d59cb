/// Writing a checkpoint: agree on what it holds, write shards aside, then view and manifest, then
/// give the folder its name.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <sstream>

#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/hdf5_file.h"
#include "parallel/checkpoint/host_copy.h"
#include "parallel/checkpoint/staged_save.h"
#include "parallel/checkpoint/view.h"
#include "parallel/checkpoint/window.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
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

/// What a rank that wrote tells rank 0.
std::string told(const FileSum& sum, double seconds) {
  return fmt::format("{} {} {}", sum.bytes, sum.xxh3, seconds);
}

}  // namespace

StagedSave::StagedSave(Communicator& ranks, const fs::path& directory, Index step,
                       std::span<const ArrayPart> parts, std::string_view state_json)
    : ranks_(&ranks), shard_(aside(directory / step_folder(step)) / shard_file(ranks.rank())) {
  std::vector<StoredArray> mine;
  together(ranks, [&] { mine = divide(parts); });
  const std::vector<std::string> shares = gather_strings(ranks, to_text(mine));
  on_first_rank(ranks, [&] {
    manifest_ = merged(shares);
    manifest_.step = step;
    manifest_.state_json = state_json;
    check_state(state_json);
    folder_.emplace(directory, step);
  });
}

/// What this rank writes, and the same for the others; empty boxes have no part there.
std::vector<StoredArray> StagedSave::divide(std::span<const ArrayPart> parts) {
  std::vector<StoredArray> arrays;
  std::map<std::string, std::size_t> known;  // name -> position in arrays
  std::vector<std::string> faults;
  for (const ArrayPart& part : parts) {
    const auto [place, is_new] = known.try_emplace(part.name, arrays.size());
    if (is_new) arrays.push_back({part.name, part.value.dtype, part.global_shape, {}});
    StoredArray& array = arrays[place->second];
    if (!(array.shape == part.global_shape) || array.dtype != part.value.dtype)
      faults.push_back(part.name + ": given with two shapes or dtypes");
    if (part.box.extent.count() == 0) continue;
    const std::string fault = window_fault(part.box, part.value);
    if (!fault.empty()) faults.push_back(fmt::format("{}: {}", part.name, fault));
    const std::size_t before = array.parts.size();
    std::string dataset = before == 0 ? part.name : fmt::format("{}#{}", part.name, before);
    array.parts.push_back({0, dataset, part.box});
    pieces_.push_back({part, std::move(dataset)});
  }
  TW_CHECK_AS(CheckpointError, faults.empty(), joined(faults, "; "));
  return arrays;
}

void StagedSave::write() noexcept {
  const double start = seconds_now();
  fault_ = fault_of_work([this] {
    if (!pieces_.empty()) write_shard();
  });
  seconds_ = seconds_now() - start;
}

void StagedSave::write_shard() {
  Hdf5File file = Hdf5File::create(shard_);
  for (const Piece& piece : pieces_) {
    const HostCopy copy(piece.part.value);
    const ConstTensorView& value = copy.view();
    const Shape& extent = piece.part.box.extent;
    if (value.dense()) {
      file.write(piece.dataset, value.dtype, extent, value.data);
    } else {
      file.write(piece.dataset, value.dtype, extent, packed(extent, value).data());
    }
  }
  file.close();
  // Only closed bytes are final, and only what can be read back counts.
  sum_ = checksum_file(shard_);
  sync_file(shard_);
  sync_folder(shard_.parent_path());
}

void StagedSave::gather() {
  throw_together(*ranks_, fault_);
  const std::vector<std::string> texts =
      gather_strings(*ranks_, sum_ ? told(*sum_, seconds_) : std::string());
  auto file = manifest_.files.begin();  // rank 0's, in the order of the ranks that wrote
  for (const std::string& text : texts) {
    if (text.empty() || file == manifest_.files.end()) continue;
    std::istringstream words(text);
    double seconds = 0.0;
    words >> file->sum.bytes >> file->sum.xxh3 >> seconds;
    seconds_ = std::max(seconds_, seconds);
    ++file;
  }
}

bool StagedSave::publish() noexcept {
  if (ranks_->rank() != 0) return true;
  const double start = seconds_now();
  fault_ = fault_of_work([this] {
    manifest_.view = write_view(folder_->path(), manifest_);
    write_text_file(folder_->path() / manifest_file, to_text(manifest_));
    folder_->publish();
  });
  seconds_ += seconds_now() - start;
  return fault_.empty();
}

void StagedSave::finish() { throw_with_first_rank(*ranks_, fault_); }

void save_checkpoint(Communicator& communicator, const fs::path& directory, Index step,
                     std::span<const ArrayPart> parts, std::string_view state_json) {
  StagedSave save(communicator, directory, step, parts, state_json);
  save.write();
  save.gather();
  (void)save.publish();
  save.finish();
}

}  // namespace tokenwerk
