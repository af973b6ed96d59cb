#include "parallel/pipeline/results.h"

namespace tokenwerk {

Needs needs_of(const Action& action, int stages) {
  const auto [stage, work, microbatch] = action;
  const Result activation{Result::Kind::activation, stage, microbatch};
  const Result gradient{Result::Kind::input_gradient, stage, microbatch};
  if (work == Work::backward_weight) return {.neighbour = {}, .own = gradient};
  Needs needs;
  if (work == Work::forward) {
    if (stage > 0) needs.neighbour = Result{activation.kind, stage - 1, microbatch};
  } else {
    needs.own = activation;
    if (stage + 1 < stages) needs.neighbour = Result{gradient.kind, stage + 1, microbatch};
  }
  return needs;
}

std::optional<Result> result_of(const Action& action) {
  switch (action.work) {
    case Work::forward: return Result{Result::Kind::activation, action.stage, action.microbatch};
    case Work::backward:
    case Work::backward_input:
      return Result{Result::Kind::input_gradient, action.stage, action.microbatch};
    case Work::backward_weight: return std::nullopt;
  }
  return std::nullopt;
}

int reader_of(const Result& result, int stages) {
  if (result.kind == Result::Kind::input_gradient) return result.stage - 1;
  return result.stage + 1 < stages ? result.stage + 1 : -1;
}

}  // namespace tokenwerk
