#include "launch/step_flags.h"

#include "parallel/comm/control.h"

namespace tokenwerk {

StepFlags any_of(Communicator& ranks, const StepFlags& mine) {
  constexpr std::uint64_t stop = 1, save = 2, writing = 4, save_local = 8, writing_local = 16;
  const std::uint64_t bits =
      all_reduce_or(ranks, stop * mine.stop | save * mine.save | writing * mine.writing |
                               save_local * mine.save_local | writing_local * mine.writing_local);
  return {(bits & stop) != 0, (bits & save) != 0, (bits & writing) != 0, (bits & save_local) != 0,
          (bits & writing_local) != 0};
}

}  // namespace tokenwerk
