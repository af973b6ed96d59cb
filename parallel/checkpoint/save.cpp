/// Writing a checkpoint: agree on what it holds, write shards aside, then view and manifest, then
/// give the folder its name.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <sstream>

#include "core/seconds.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/merge.h"
#include "parallel/checkpoint/staged_save.h"
#include "parallel/checkpoint/view.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

bool has_parts(const std::vector<StoredArray>& arrays) {
  for (const StoredArray& array : arrays)
    if (!array.parts.empty()) return true;
  return false;
}

/// Rank 0's: the manifest of all ranks' lists, sums still to come.
class Gathering {
 public:
  void add(int rank, std::string_view list) {
    std::vector<StoredArray> arrays = parse_arrays(list);
    const bool writes = has_parts(arrays);
    merge_.add(rank, std::move(arrays), manifest_.files.size());
    if (writes) manifest_.files.push_back({shard_file(rank), {}});
  }
  Manifest finish() {
    manifest_.arrays = merge_.finish("cannot be saved: ");
    return std::move(manifest_);
  }

 private:
  Merge merge_;
  Manifest manifest_;
};

/// What a rank that wrote tells rank 0.
std::string told(const FileSum& sum, double seconds) {
  return fmt::format("{} {} {}", sum.bytes, sum.xxh3, seconds);
}

}  // namespace

StagedSave::StagedSave(Communicator& ranks, const fs::path& directory, Index step,
                       std::span<const ArrayPart> parts, std::string_view state_json,
                       SavedLayout& layout)
    : ranks_(&ranks),
      shard_(aside(directory / step_folder(step)) / shard_file(ranks.rank())),
      layout_(&layout) {
  together(ranks, [&] { writer_.emplace(parts); });
  agree_on_layout();
  on_first_rank(ranks, [&] {
    check_state(state_json);
    layout.manifest.step = step;
    layout.manifest.state_json = state_json;
    folder_.emplace(directory, step);
  });
}

void StagedSave::agree_on_layout() {
  std::string mine = to_text(writer_->arrays());
  if (all_ok(*ranks_, mine == layout_->mine)) return;
  *layout_ = {};
  Gathering gathering;
  std::string fault;
  collect_strings(*ranks_, mine, [&](int rank, std::string_view list) {
    if (fault.empty()) fault = fault_of_work([&] { gathering.add(rank, list); });
  });
  on_first_rank(*ranks_, [&] {
    TW_CHECK_AS(CheckpointError, fault.empty(), fault);
    layout_->manifest = gathering.finish();
  });
  layout_->mine = std::move(mine);
}

void StagedSave::write() noexcept {
  const auto start = std::chrono::steady_clock::now();
  fault_ = fault_of_work([this] {
    if (!writer_->empty()) write_shard();
  });
  seconds_ = seconds_since(start);
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
  auto file = layout_->manifest.files.begin();  // rank 0's, in the order of the ranks that wrote
  for (const std::string& text : texts) {
    if (text.empty() || file == layout_->manifest.files.end()) continue;
    std::istringstream words(text);
    double seconds = 0.0;
    words >> file->sum.bytes >> file->sum.xxh3 >> seconds;
    seconds_ = std::max(seconds_, seconds);
    ++file;
  }
}

bool StagedSave::publish() noexcept {
  if (ranks_->rank() != 0) return true;
  const auto start = std::chrono::steady_clock::now();
  fault_ = fault_of_work([this] {
    Manifest& manifest = layout_->manifest;
    manifest.view = write_view(folder_->path(), manifest);
    write_text_file(folder_->path() / manifest_file, to_text(manifest));
    folder_->publish();
  });
  seconds_ += seconds_since(start);
  return fault_.empty();
}

void StagedSave::finish() { throw_with_first_rank(*ranks_, fault_); }

void save_checkpoint(Communicator& communicator, const fs::path& directory, Index step,
                     std::span<const ArrayPart> parts, std::string_view state_json) {
  SavedLayout layout;
  StagedSave save(communicator, directory, step, parts, state_json, layout);
  save.write();
  save.gather();
  (void)save.publish();
  save.finish();
}

}  // namespace tokenwerk
