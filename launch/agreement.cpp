#include "launch/agreement.h"

#include <algorithm>
#include <string>
#include <vector>

#include "launch/exit_code.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

/// A fault on one rank; `code` done: none.
struct Fault {
  ExitCode code = ExitCode::done;
  std::string message;
};

Fault fault_of(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const Error& error) {
    return {exit_code_of(error), error.what()};
  }
}

}  // namespace

void agree(Communicator& ranks, const std::function<void()>& work) {
  const Fault mine = fault_of(work);
  if (all_ok(ranks, mine.code == ExitCode::done)) return;
  const auto code = static_cast<Index>(mine.code);
  const Index first = all_reduce(ranks, code == 0 ? Index{0} : Index{256} - code, Reduction::max);
  const std::vector<std::string> messages = gather_strings(ranks, mine.message);
  const bool same = std::ranges::all_of(messages, [&](const auto& m) { return m == messages[0]; });
  std::string text = messages[0];
  if (!same) text = gather_faults(ranks, mine.message);
  throw SharedError(static_cast<ExitCode>(256 - first), text);
}

}  // namespace tokenwerk
