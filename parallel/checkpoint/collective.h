#pragma once
/// Agreement between the ranks of a save or load: nobody goes on alone, nobody hangs.

#include <functional>
#include <string>

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// What `work` throws, never empty then; empty when it ends well.
[[nodiscard]] std::string fault_of_work(const std::function<void()>& work);

/// Throws the same CheckpointError on every rank when some rank's `fault` is not empty: each
/// different one once, with the first rank that had it.
void throw_together(Communicator& communicator, const std::string& fault,
                    CallSite site = CallSite::current());
/// The same for rank 0's fault, which stands by itself.
void throw_with_first_rank(Communicator& communicator, const std::string& fault,
                           CallSite site = CallSite::current());

/// What reading came upon on one rank: damage of the checkpoint, or files that its host cannot
/// read.
struct ReadFault {
  std::string damage, unreadable;
};
/// What `work` throws.
[[nodiscard]] ReadFault fault_of_reading(const std::function<void()>& work);
/// Throws the same UnreadableError on every rank when some rank's text is not empty: "rank 3 host
/// n17: ...", of four ranks at most.
void throw_unreadable(Communicator& communicator, const std::string& unreadable,
                      CallSite site = CallSite::current());

/// Runs this rank's share of the work, then waits for all and throws together what it threw.
/// `work` must not communicate.
void together(Communicator& communicator, const std::function<void()>& work,
              CallSite site = CallSite::current());

/// The same for work of rank 0 alone.
void on_first_rank(Communicator& communicator, const std::function<void()>& work,
                   CallSite site = CallSite::current());

}  // namespace tokenwerk
