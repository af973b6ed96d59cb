#include "launch/run_directory.h"

#include <fstream>

#include "core/error.h"

namespace tokenwerk {

void make_run_directory(const Recipe& recipe) {
  const std::filesystem::path folder = recipe.log.directory;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  TW_CHECK(!error, folder.string(), ": cannot be made: ", error.message());
  const std::filesystem::path file = folder / "recipe.toml", aside = folder / "recipe.toml.tmp";
  std::ofstream stream(aside, std::ios::binary | std::ios::trunc);
  stream << to_toml(recipe);
  stream.close();
  TW_CHECK(stream.good(), aside.string(), ": cannot be written");
  std::filesystem::rename(aside, file);
}

}  // namespace tokenwerk
