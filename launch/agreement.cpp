#include "launch/agreement.h"

#include <fmt/core.h>

#include <filesystem>
#include <string>

#include "core/file_descriptor.h"
#include "core/host_name.h"
#include "launch/exit_code.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

/// A fault on one rank; `code` done: none.
struct Fault {
  ExitCode code = ExitCode::done;
  std::string message;
  bool of_reading = false;  ///< this host cannot read what is there
};

Fault fault_of(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const UnreadableError& error) {
    return {exit_code_of(error), error.what(), true};
  } catch (const Error& error) {
    return {exit_code_of(error), error.what()};
  } catch (const std::filesystem::filesystem_error& error) {
    if (says_wrong_path(error.code().value())) return {ExitCode::wrong_data, error.what()};
    return {ExitCode::wrong_machine, error.what(), true};
  }
}

Fault common_fault_of(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const UnreadableError& error) {  // of which all have been told
    return {exit_code_of(error), error.what()};
  } catch (const DeviceError&) {
    throw;
  } catch (const Error& error) {
    return {exit_code_of(error), error.what()};
  }
}

/// The lowest code but "done", as the maximum of what is left to a number above all codes.
ExitCode lowest_code(Communicator& ranks, ExitCode mine, CallSite site) {
  constexpr Index above = 256;
  const Index code = static_cast<Index>(mine);
  const Index rest = all_reduce(ranks, code == 0 ? Index{0} : above - code, Reduction::max, site);
  return static_cast<ExitCode>(above - rest);
}

void share(Communicator& ranks, const Fault& mine, CallSite site) {
  if (all_ok(ranks, mine.message.empty(), site)) return;
  try {
    throw_unreadable(ranks, mine.of_reading ? mine.message : "", site);
  } catch (const UnreadableError& error) {
    throw SharedError(exit_code_of(error), error.what());
  }
  const std::string faults = gather_faults(ranks, mine.message, site);
  throw SharedError(lowest_code(ranks, mine.code, site), faults);
}

}  // namespace

void agree(Communicator& ranks, const std::function<void()>& work, CallSite site) {
  share(ranks, fault_of(work), site);
}

void agree_on_common(Communicator& ranks, const std::function<void()>& work, CallSite site) {
  share(ranks, common_fault_of(work), site);
}

void agree_with_first(Communicator& ranks, const std::function<void()>& work, CallSite site) {
  Fault mine = ranks.rank() == 0 ? fault_of(work) : Fault();
  if (mine.of_reading) mine.message = fmt::format("rank 0 host {}: {}", host_name(), mine.message);
  const std::string fault = broadcast_string(ranks, mine.message, 0, site);
  if (!fault.empty()) throw SharedError(lowest_code(ranks, mine.code, site), fault);
}

}  // namespace tokenwerk
