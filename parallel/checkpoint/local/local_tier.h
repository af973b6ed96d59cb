#pragma once
/// A run's checkpoints on the hosts themselves: where they lie and what they are called.
///
/// A *generation* is what all ranks hold after a step. Each rank writes its shard and the shard's
/// index into the folder of its host, and the next host in a ring keeps a copy of both:
///
///     LOCAL/RUN/step-00000100.7f3a91c2/rank-00003.h5    this host's own
///                                      rank-00003.json  its index, written last
///                                      copy-00001.h5    the host before's shard
///                                      copy-00001.json  and its index, written last

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "parallel/checkpoint/local/host_map.h"

namespace tokenwerk {

/// What this rank knows of the tier; all but `folder` is the same on every rank.
struct LocalTier {
  Communicator* ranks;
  HostMap hosts;
  std::filesystem::path folder;  ///< of this run, on this host
  std::string session;           ///< of this start of the run: its generations are nobody else's

  [[nodiscard]] int host() const;
  [[nodiscard]] int place() const;  ///< among the ranks of this host
  /// Whether this rank acts for its host.
  [[nodiscard]] bool leads() const { return place() == 0; }
};

/// A generation's folder, by its name.
struct Generation {
  Index step = 0;
  std::string name;  ///< "step-00000100.7f3a91c2"
  friend bool operator==(const Generation&, const Generation&) = default;
};
[[nodiscard]] std::string generation_name(Index step, const std::string& session);
/// The generation of such a name.
[[nodiscard]] std::optional<Generation> generation_of(const std::string& name);

/// A shard with its index, and which of the two kinds it is.
enum class Holding { own, copy };
struct LocalShard {
  int rank = 0;  ///< that wrote it
  Holding holding = Holding::own;

  /// "rank-00003.h5", "copy-00003.json"
  [[nodiscard]] std::string file() const;
  [[nodiscard]] std::string index() const;
  friend auto operator<=>(const LocalShard&, const LocalShard&) = default;
};

/// Those in the folder of a run, newest step first; none where there is no folder. Throws
/// CheckpointError where it cannot be read.
[[nodiscard]] std::vector<Generation> list_generations(const std::filesystem::path& folder);
/// Those of which there is an index, own ones first.
[[nodiscard]] std::vector<LocalShard> list_shards(const std::filesystem::path& generation);

/// Removes this host's generations of steps before this one. For one rank of the host; what cannot
/// be removed is warned of.
void remove_generations_before(const LocalTier& tier, Index step);
/// Removes those of steps after this one: the run goes on from before them. As above.
void remove_generations_after(const LocalTier& tier, Index step);

}  // namespace tokenwerk
