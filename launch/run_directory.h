#pragma once
/// What a run leaves behind besides its checkpoints: recipe.toml, log.txt, metrics.jsonl and
/// TensorBoard's event files, all in log.directory.

#include <filesystem>

#include "launch/recipe.h"

namespace tokenwerk {

/// Makes the folder and writes recipe.toml, as resolved. The first rank calls it before the others
/// rely on the folder. Throws Error naming what cannot be written.
void make_run_directory(const Recipe& recipe);

}  // namespace tokenwerk
