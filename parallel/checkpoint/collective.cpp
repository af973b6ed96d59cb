#include "parallel/checkpoint/collective.h"

#include <exception>
#include <string>

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

}  // namespace

void together(Communicator& communicator, const std::function<void()>& work) {
  const std::string faults = gather_faults(communicator, message_of(work));
  TW_CHECK_AS(CheckpointError, faults.empty(), faults);
}

void on_first_rank(Communicator& communicator, const std::function<void()>& work) {
  const std::string mine = communicator.rank() == 0 ? message_of(work) : std::string();
  const std::string fault = broadcast_string(communicator, mine);
  TW_CHECK_AS(CheckpointError, fault.empty(), fault);
}

}  // namespace tokenwerk
