#include "parallel/pipeline/schedule.h"

#include <fmt/core.h>

#include "core/error.h"

namespace tokenwerk {

char letter_of(Work work) {
  switch (work) {
    case Work::forward: return 'F';
    case Work::backward: return 'B';
    case Work::backward_input: return 'I';
    case Work::backward_weight: return 'W';
  }
  TW_RAISE(Error, "no such work");
}

std::string text_of(const Action& action) {
  return fmt::format("{}{}{}", action.stage, letter_of(action.work), action.microbatch);
}

}  // namespace tokenwerk
