#include "launch/trainer.h"

#include "core/error.h"

namespace tokenwerk {

int run_training(const Recipe& recipe) {
  validate(recipe, recipe.parallel.data.value_or(1));
  TW_RAISE(ConfigError, "this build has no trainer");
}

}  // namespace tokenwerk
