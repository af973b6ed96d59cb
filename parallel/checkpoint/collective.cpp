#include "parallel/checkpoint/collective.h"

#include <exception>

#include "core/host_name.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/comm/control.h"

namespace tokenwerk {

// The one place of a save or load that catches: a rank that threw past the others would leave them
// waiting for it. Anything may come here, bad_alloc too; an empty message would read as success.
std::string fault_of_work(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const std::exception& fault) {
    return *fault.what() == '\0' ? "unknown fault" : fault.what();
  }
}

ReadFault fault_of_reading(const std::function<void()>& work) {
  ReadFault out;
  out.damage = fault_of_work([&] {
    try {
      work();
    } catch (const UnreadableError& fault) {
      out.unreadable = fault.what();
    }
  });
  return out;
}

// A supervisor reads rank and host from the line, and starts again without a host that fails often.
void throw_unreadable(Communicator& communicator, const std::string& unreadable, CallSite site) {
  if (all_ok(communicator, unreadable.empty(), site)) return;
  constexpr std::size_t most = 4;
  std::vector<std::string> told;
  const std::string mine =
      unreadable.empty() ? "" : fmt::format("host {}: {}", host_name(), unreadable);
  const std::vector<std::string> all = gather_strings(communicator, mine, site);
  for (std::size_t rank = 0; rank < all.size() && told.size() < most; ++rank)
    if (!all[rank].empty()) told.push_back(fmt::format("rank {} {}", rank, all[rank]));
  TW_RAISE(UnreadableError, joined(told, "; "));
}

void throw_together(Communicator& communicator, const std::string& fault, CallSite site) {
  const std::string faults = gather_faults(communicator, fault, site);
  TW_CHECK_AS(CheckpointError, faults.empty(), faults);
}

void throw_with_first_rank(Communicator& communicator, const std::string& fault, CallSite site) {
  const std::string first = broadcast_string(communicator, fault, 0, site);
  TW_CHECK_AS(CheckpointError, first.empty(), first);
}

void together(Communicator& communicator, const std::function<void()>& work, CallSite site) {
  throw_together(communicator, fault_of_work(work), site);
}

void on_first_rank(Communicator& communicator, const std::function<void()>& work, CallSite site) {
  throw_with_first_rank(communicator, communicator.rank() == 0 ? fault_of_work(work) : "", site);
}

}  // namespace tokenwerk
