#pragma once
/// Host-side agreement between the ranks of a save or load: nobody goes on alone, nobody hangs.

#include <functional>
#include <string>
#include <vector>

namespace tokenwerk {

class Communicator;

/// Runs this rank's share of the work, then waits for all. When it threw anywhere, every rank throws
/// the same CheckpointError with all ranks' messages. `work` must not communicate.
void together(Communicator& communicator, const std::function<void()>& work);

/// The same for work of rank 0 alone.
void on_first_rank(Communicator& communicator, const std::function<void()>& work);

/// Rank 0 gets all texts in rank order, others nothing.
[[nodiscard]] std::vector<std::string> gather_texts(Communicator& communicator,
                                                    const std::string& mine);

/// Every rank gets rank 0's text.
[[nodiscard]] std::string broadcast_text(Communicator& communicator, std::string text);

}  // namespace tokenwerk
