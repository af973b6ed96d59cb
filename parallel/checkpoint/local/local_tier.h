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

/// A generation's folder, by its name.
struct Generation {
  Index step = 0;
  std::string name;  ///< "step-00000100.7f3a91c2"
  friend bool operator==(const Generation&, const Generation&) = default;
};
[[nodiscard]] std::string generation_name(Index step, const std::string& session);
/// The generation of such a name.
[[nodiscard]] std::optional<Generation> generation_of(const std::string& name);

/// A stretch of a run that goes forward: from a start of it, or from a rewind.
struct LocalSession {
  std::string name;                 ///< "7f3a91c2", nobody else's
  std::optional<Index> until = {};  ///< the run went on from this step without what came later
  friend bool operator==(const LocalSession&, const LocalSession&) = default;
};
/// The run goes on from a step: what sessions before kept of later ones is overtaken, on whatever
/// host it lies. The last 64 sessions stay known.
void begin_session(std::vector<LocalSession>& sessions, const std::string& name, Index step);
/// Whether a generation is of one of the sessions and not overtaken.
[[nodiscard]] bool counts(const std::vector<LocalSession>& sessions, const Generation& generation);

/// What this rank knows of the tier; all but `folder` is the same on every rank.
struct LocalTier {
  Communicator* ranks;
  HostMap hosts;
  std::filesystem::path folder;        ///< of this run, on this host
  std::vector<LocalSession> sessions;  ///< of this run; what it keeps is of the last one
  /// The run went on from this step, which could not be written down yet: until it is, nothing may
  /// be kept.
  std::optional<Index> unwritten = {};

  [[nodiscard]] int host() const;
  [[nodiscard]] int place() const;  ///< among the ranks of this host
  /// Whether this rank acts for its host.
  [[nodiscard]] bool leads() const { return place() == 0; }
};

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

/// Removes the generations of steps before this one from the folder of a run. For one rank of the
/// host; what cannot be removed is warned of.
void remove_generations_before(const std::filesystem::path& folder, Index step);
/// Removes those that do not count. As above.
void remove_overtaken(const std::filesystem::path& folder,
                      const std::vector<LocalSession>& sessions);

}  // namespace tokenwerk
