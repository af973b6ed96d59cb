#include "parallel/checkpoint/collective.h"

#include <exception>
#include <set>
#include <string>
#include <vector>

#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

// The one place of a save or load that catches: a rank that threw past the others would leave them
// waiting for it. Anything may come here, bad_alloc too; an empty message would read as success.
std::string message_of(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const std::exception& fault) {
    return *fault.what() == '\0' ? "unknown fault" : fault.what();
  }
}

std::string joined(const std::vector<std::string>& messages) {
  std::set<std::string> seen;
  std::string text;
  for (std::size_t rank = 0; rank < messages.size(); ++rank) {
    if (messages[rank].empty() || !seen.insert(messages[rank]).second) continue;
    text += fmt::format("{}rank {}: {}", text.empty() ? "" : "; ", rank, messages[rank]);
  }
  return text;
}

}  // namespace

void together(Communicator& communicator, const std::function<void()>& work) {
  const std::string mine = message_of(work);
  if (all_ok(communicator, mine.empty())) return;
  TW_RAISE(CheckpointError, joined(gather_strings(communicator, mine)));
}

void on_first_rank(Communicator& communicator, const std::function<void()>& work) {
  const std::string mine = communicator.rank() == 0 ? message_of(work) : std::string();
  const std::string fault = broadcast_string(communicator, mine);
  TW_CHECK_AS(CheckpointError, fault.empty(), fault);
}

}  // namespace tokenwerk
