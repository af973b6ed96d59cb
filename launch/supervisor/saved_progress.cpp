#include "launch/supervisor/saved_progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/folder.h"

namespace tokenwerk {
namespace fs = std::filesystem;

SavedProgress::SavedProgress(fs::path checkpoints)
    : checkpoints_(std::move(checkpoints)),
      found_(read_local_marker(checkpoints_)),
      checkpoint_(newest_checkpoint()) {}

bool SavedProgress::look() {
  try {
    std::string checkpoint = newest_checkpoint();
    std::optional<LocalMarker> local = newest_local();
    has_folders_ = !list_checkpoints(checkpoints_).empty();
    const bool is_new = checkpoint != checkpoint_ || local != local_;
    checkpoint_ = std::move(checkpoint);
    local_ = std::move(local);
    return is_new;
  } catch (const Error& error) {
    log_warning("{}", error.what());
    return false;
  }
}

Index SavedProgress::step() const {
  return step_of(fs::path(checkpoint_).filename().string()).value_or(-1);
}

std::string SavedProgress::from() const {
  const std::string shared = checkpoint_.empty() ? "its beginning" : checkpoint_;
  if (!local_) return shared;
  return fmt::format("what the hosts hold of step {}, or from {}", *local_->step, shared);
}

double SavedProgress::seconds_since_saved() const {
  std::vector<fs::path> files;
  try {
    if (const std::string newest = newest_checkpoint(); !newest.empty()) files.emplace_back(newest);
    if (newest_local()) files.push_back(local_marker_file(checkpoints_));
  } catch (const Error&) {  // `look` tells of it
    files.clear();
  }
  double age = std::numeric_limits<double>::infinity();
  for (const fs::path& file : files) {
    std::error_code fault;  // it may just be removed
    const auto written = fs::last_write_time(file, fault);
    const auto now = fs::file_time_type::clock::now();
    if (!fault) age = std::min(age, std::chrono::duration<double>(now - written).count());
  }
  return age;
}

std::string SavedProgress::newest_checkpoint() const {
  return latest_checkpoint(checkpoints_).value_or("").string();
}

std::optional<LocalMarker> SavedProgress::newest_local() const {
  auto marker = read_local_marker(checkpoints_);
  const bool ours = marker && marker->step && marker != found_;
  return ours ? std::move(marker) : std::nullopt;
}

}  // namespace tokenwerk
