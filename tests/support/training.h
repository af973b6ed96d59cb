#pragma once
/// Short training runs through the real command line, and reading what they leave.

#include <nlohmann/json.hpp>

#include "tests/support/command.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {

/// A folder with prepared text (data/text, data/text.validation) and a recipe, recipe.toml, of a
/// tiny model.
class TrainingFolder {
 public:
  /// `model`: lines for the recipe's [model] section.
  explicit TrainingFolder(const std::string& model);

  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  /// `tokenwerk train recipe.toml --log.directory RUN FLAGS...` on so many ranks, not yet waited
  /// for.
  [[nodiscard]] std::vector<std::string> command(int ranks, const std::string& run,
                                                 const std::vector<std::string>& flags = {}) const;
  /// The same, run to its end, which must be this exit code.
  CommandResult train(int ranks, const std::string& run, const std::vector<std::string>& flags = {},
                      int exit_code = 0) const;
  /// Any other command of the program, on one rank.
  [[nodiscard]] CommandResult tokenwerk(const std::vector<std::string>& arguments) const;

  /// The steps' lines of metrics.jsonl.
  [[nodiscard]] std::vector<nlohmann::json> steps(const std::string& run) const;
  [[nodiscard]] std::vector<double> losses(const std::string& run) const;
  [[nodiscard]] std::vector<double> validation_losses(const std::string& run) const;
  [[nodiscard]] std::filesystem::path checkpoint(const std::string& run, int step) const;
  [[nodiscard]] std::string bytes(const std::filesystem::path& relative) const;

 private:
  /// The lines of metrics.jsonl that have this field.
  [[nodiscard]] std::vector<nlohmann::json> lines_with(const std::string& field,
                                                       const std::string& run) const;

  test::TemporaryFolder folder_;
};

/// The environment in which tests run the program: root may use mpirun, one thread a rank.
[[nodiscard]] std::map<std::string, std::string> training_environment();

/// Every loss within 1e-5 of the other's, relative (law 1).
void expect_same_losses(const std::vector<double>& ours, const std::vector<double>& theirs);

inline const std::string gpt_model = "family = \"gpt\"\nlayers = 2\nwidth = 32\nheads = 2\n";
inline const std::string llama_model =
    "family = \"llama\"\nlayers = 2\nwidth = 32\nheads = 4\nkv_heads = 2\nffn_width = 88\n";

}  // namespace tokenwerk
