/// Writing a checkpoint: agree on what it holds, write shards aside, then view and manifest, then
/// give the folder its name.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <sstream>

#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/merge.h"
#include "parallel/checkpoint/staged_save.h"
#include "parallel/checkpoint/view.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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
  Manifest manifest;
  manifest.files = std::move(files);
  manifest.arrays = merge.finish("cannot be saved: ");
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
  together(ranks, [&] { writer_.emplace(parts); });
  std::vector<std::string> shares;  // on rank 0: at 10,000 ranks the others need no such list
  collect_strings(ranks, to_text(writer_->arrays()), 0,
                  [&](int, const std::string& share) { shares.push_back(share); });
  on_first_rank(ranks, [&] {
    manifest_ = merged(shares);
    manifest_.step = step;
    manifest_.state_json = state_json;
    check_state(state_json);
    folder_.emplace(directory, step);
  });
}

void StagedSave::write() noexcept {
  const double start = seconds_now();
  fault_ = fault_of_work([this] {
    if (!writer_->empty()) write_shard();
  });
  seconds_ = seconds_now() - start;
}

void StagedSave::write_shard() {
  sum_ = writer_->write(shard_);
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
