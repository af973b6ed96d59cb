#pragma once
/// Writing one generation.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/local/local_tier.h"
#include "parallel/checkpoint/shard_writer.h"

namespace tokenwerk {

/// A generation under way. `write` and `check_copies` speak to no other rank and may run on any
/// thread; what they throw waits for the next collective call, which throws the same
/// CheckpointError on all ranks. Nothing is synced: what a process leaves when it is killed is
/// whole, and what a host leaves when its power fails is on the host that keeps the copy.
class LocalSave {
 public:
  /// The arrays of `parts` are read by `write`. Not collective, throws nothing. The tier outlives
  /// the save.
  LocalSave(const LocalTier& tier, Index step, std::span<const ArrayPart> parts,
            std::string_view state_json);

  /// This rank's shard and index into the folder of its host.
  void write() noexcept;
  /// Collective, on the thread that speaks to the other ranks: all have written; each sends its
  /// file to the rank that keeps the copy, block by block, with no copy of it in memory.
  void hand_over();
  /// What came is what was written: the copies get their indexes.
  void check_copies() noexcept;
  /// Collective: the generation is there on every host; older ones may go.
  void finish();
  /// After a stage has thrown: this host's part of it goes.
  void abandon() noexcept;

  [[nodiscard]] Index step() const { return step_; }
  /// Bytes that this rank has sent, and keeps of its own, in `hand_over`.
  [[nodiscard]] std::uint64_t bytes() const { return sum_.bytes; }

 private:
  /// A copy that this rank keeps.
  struct Copy {
    LocalShard shard;
    std::string index;
  };
  void write_shard();
  void send_and_receive(const HandOver& round);
  void pass_blocks(const HandOver& round, std::uint64_t coming, const std::filesystem::path& copy);

  const LocalTier* tier_;
  Index step_;
  std::filesystem::path folder_;
  std::string state_json_;
  std::optional<ShardWriter> writer_;
  LocalShard mine_;
  std::string index_;  ///< of this rank's shard
  FileSum sum_;
  std::vector<Copy> copies_;
  std::string fault_;  ///< of this rank's last stage
};

}  // namespace tokenwerk
