#include "launch/trainer.h"

#include "core/error.h"

namespace tokenwerk {

int run_training(MpiEnvironment& environment, const Recipe& recipe) {
  validate(recipe, environment.size());
  TW_RAISE(ConfigError, "this build has no trainer");
}

}  // namespace tokenwerk
