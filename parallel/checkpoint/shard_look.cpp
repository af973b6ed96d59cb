#include "parallel/checkpoint/shard_look.h"

#include <optional>

#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

using Clock = FileSumming::Clock;

/// One rank's share of the files.
class Share {
 public:
  Share(const Communicator& ranks, const fs::path& folder, const std::vector<StoredFile>& files)
      : folder_(folder),
        files_(files),
        next_(static_cast<std::size_t>(ranks.rank())),
        step_(static_cast<std::size_t>(ranks.size())) {}

  /// Goes on until that time; true when there is no more to do.
  bool ends_by(Clock::time_point time) {
    while (next_ < files_.size()) {
      if (!check_) check_.emplace(folder_, files_[next_]);
      if (!check_->ends_by(time)) return false;
      if (const auto& fault = check_->fault()) add(*fault);
      check_.reset();
      next_ += step_;
    }
    return true;
  }
  [[nodiscard]] const ReadFault& faults() const { return faults_; }

 private:
  void add(const CheckpointFault& fault) {
    const bool damage = fault.kind == CheckpointFault::Kind::damage;
    std::string& faults = damage ? faults_.damage : faults_.unreadable;
    faults += fmt::format("{}{} {}", damage || !faults.empty() ? "; " : "", fault.file, fault.what);
  }

  const fs::path& folder_;
  const std::vector<StoredFile>& files_;
  std::size_t next_, step_;
  std::optional<FileCheck> check_;
  ReadFault faults_;
};

}  // namespace

std::string damage_of_shards(Communicator& ranks, const fs::path& folder,
                             const std::vector<StoredFile>& files, const LookTurns& turns) {
  Share share(ranks, folder, files);
  std::string failure;  // none of the files': no memory
  for (bool ended = false; !ended;) {
    const auto time = Clock::now() + std::chrono::duration_cast<Clock::duration>(turns.length);
    bool mine = false;
    failure += fault_of_work([&] { mine = share.ends_by(time); });
    ended = all_ok(ranks, mine || !failure.empty());
    if (turns.alive) turns.alive();
  }
  throw_together(ranks, failure);
  throw_unreadable(ranks, share.faults().unreadable);
  if (all_ok(ranks, share.faults().damage.empty())) return {};
  std::string all;
  for (const std::string& faults : gather_strings(ranks, share.faults().damage)) all += faults;
  return all.substr(2);
}

}  // namespace tokenwerk
