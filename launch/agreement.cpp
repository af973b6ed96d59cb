#include "launch/agreement.h"

#include <filesystem>
#include <string>

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
  } catch (const std::filesystem::filesystem_error& error) {  // a folder that may not be read
    return {ExitCode::wrong_data, error.what()};
  }
}

/// The lowest code but "done", as the maximum of what is left to a number above all codes.
ExitCode lowest_code(Communicator& ranks, ExitCode mine, CallSite site) {
  constexpr Index above = 256;
  const Index code = static_cast<Index>(mine);
  const Index rest = all_reduce(ranks, code == 0 ? Index{0} : above - code, Reduction::max, site);
  return static_cast<ExitCode>(above - rest);
}

}  // namespace

void agree(Communicator& ranks, const std::function<void()>& work, CallSite site) {
  const Fault mine = fault_of(work);
  const std::string faults = gather_faults(ranks, mine.message, site);
  if (faults.empty()) return;
  throw SharedError(lowest_code(ranks, mine.code, site), faults);
}

void agree_with_first(Communicator& ranks, const std::function<void()>& work, CallSite site) {
  const Fault mine = ranks.rank() == 0 ? fault_of(work) : Fault();
  const std::string fault = broadcast_string(ranks, mine.message, 0, site);
  if (!fault.empty()) throw SharedError(lowest_code(ranks, mine.code, site), fault);
}

}  // namespace tokenwerk
