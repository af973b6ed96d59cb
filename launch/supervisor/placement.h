#pragma once
/// Which hosts run how many ranks, and the command that starts them there.

#include <map>
#include <string>
#include <vector>

#include "launch/recipe.h"
#include "launch/supervisor/hosts.h"

namespace tokenwerk {

/// Who starts the ranks.
enum class Starter { mpirun, srun };

/// Ranks fill the hosts one after the other, so that tensor-parallel groups, whose ranks are
/// consecutive, lie inside a host.
struct Placement {
  std::vector<Host> hosts;   ///< those that get ranks, each with as many as it gets
  std::vector<Host> spares;  ///< the others
  Index ranks = 1;
  Index threads = 1;           ///< of a rank
  Index cores = 1;             ///< of a host, that the run may use
  Index hardware_threads = 1;  ///< of a core
};

/// The first hosts that hold so many ranks; the rest are spares.
[[nodiscard]] Placement placed(const std::vector<Host>& hosts, Index ranks);

/// The same hosts, those first that are to run `ranks` ranks on what a local generation left: each
/// host of the ring that wrote it keeps its own shards and those of the one before, so that no two
/// neighbours may both be dead or without ranks. Where that cannot be, as many as possible hold.
[[nodiscard]] std::vector<Host> keepers_first(const std::vector<Host>& hosts, Index ranks,
                                              const std::vector<Host>& ring);

/// The same with the cores of a host, taken to be like this one (within a Slurm job: those that it
/// got here), and the threads of a rank: as many as asked for, which hosts other than this one are
/// believed to have cores for; 0: the cores divided by the ranks.
[[nodiscard]] Placement with_threads(Placement placement, Index threads);

/// The host of a rank, as ranks fill hosts.
[[nodiscard]] std::string host_of_rank(const Placement& placement, Index rank);

/// "6 of 8 ranks, 25 % of the capacity lost; spare: n4"
[[nodiscard]] std::string capacity_text(const Placement& placement, Index asked);

/// A program to start: its arguments, itself first, and what is added to its environment.
struct Command {
  std::vector<std::string> arguments;
  std::map<std::string, std::string> variables;

  /// As one types it into a shell.
  [[nodiscard]] std::string text() const;
};

/// Starts `program`, its arguments after it, on every rank of the placement: ranks by host, each
/// bound to cores of its own where there are enough, with the variables and those of ours that
/// tokenwerk and its libraries read (TOKENWERK_*, OMP_*, NCCL_*, CUDA_*, HDF5_*, ...).
/// Throws ConfigError for hosts of different numbers of ranks under srun, which knows one for all.
[[nodiscard]] Command start_command(Starter starter, const Placement& placement,
                                    const std::vector<std::string>& program,
                                    const std::map<std::string, std::string>& variables);

/// This program's own file.
[[nodiscard]] std::string own_program();

}  // namespace tokenwerk
