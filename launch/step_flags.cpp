#include "launch/step_flags.h"

#include "parallel/comm/control.h"

namespace tokenwerk {

StepFlags any_of(Communicator& ranks, const StepFlags& mine) {
  constexpr std::uint64_t stop = 1, save = 2, writing = 4;
  const std::uint64_t bits =
      all_reduce_or(ranks, stop * mine.stop | save * mine.save | writing * mine.writing);
  return {(bits & stop) != 0, (bits & save) != 0, (bits & writing) != 0};
}

}  // namespace tokenwerk
