#pragma once
/// What ranks tell each other after every step, in one small message.

#include "parallel/comm/communicator.h"

namespace tokenwerk {

struct StepFlags {
  bool stop = false;           ///< a signal has come: save and end
  bool save = false;           ///< a checkpoint is due
  bool writing = false;        ///< a checkpoint is still being written
  bool save_local = false;     ///< a local generation is due
  bool writing_local = false;  ///< one is still being written

  [[nodiscard]] bool due() const { return save || save_local; }
};

/// Collective: which flags any rank has set.
[[nodiscard]] StepFlags any_of(Communicator& ranks, const StepFlags& mine);

}  // namespace tokenwerk
