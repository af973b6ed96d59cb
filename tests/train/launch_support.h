#pragma once
/// Runs of two ranks under `tokenwerk launch`.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/training.h"

namespace tokenwerk {

constexpr auto patience = std::chrono::seconds(120);

class Launch : public testing::Test {
 protected:
  /// `tokenwerk launch` of two ranks into the run's folder.
  [[nodiscard]] static std::vector<std::string> command(const std::string& run,
                                                        const std::vector<std::string>& flags) {
    std::vector<std::string> arguments{"launch",          "recipe.toml", "--ranks-per-host",   "2",
                                       "--log.directory", run,           "--checkpoint.every", "5"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return tokenwerk_command(1, arguments);
  }
  [[nodiscard]] static std::map<std::string, std::string> environment() {
    auto variables = training_environment();
    variables["TOKENWERK_ALLOW_INJECT"] = "1";
    return variables;
  }
  /// The same, where these lines of a shell script are the program `mpirun`: `exec mpirun "$@"` is
  /// the real one.
  [[nodiscard]] std::map<std::string, std::string> environment_with_mpirun(
      const std::string& script) const {
    const std::filesystem::path file = folder_.path() / "bin" / "mpirun";
    test::write_file(file, "#!/bin/sh\nPATH=${PATH#*:}\n" + script + "\n");
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    auto variables = environment();
    variables["PATH"] = file.parent_path().string() + ":" + std::getenv("PATH");
    return variables;
  }
  [[nodiscard]] CommandResult launch(const std::string& run,
                                     const std::vector<std::string>& flags) const {
    return run_command(command(run, flags), folder_.path(), environment());
  }
  /// The events of this name.
  [[nodiscard]] std::vector<nlohmann::json> events(const std::string& run,
                                                   const std::string& name) const {
    std::vector<nlohmann::json> out;
    std::ifstream stream(folder_.path() / run / "events.jsonl");
    for (std::string line; std::getline(stream, line);) {
      const auto json = nlohmann::json::parse(line);
      if (json.at("event") == name) out.push_back(json);
    }
    return out;
  }

  const TrainingFolder folder_{gpt_model};
};

}  // namespace tokenwerk
