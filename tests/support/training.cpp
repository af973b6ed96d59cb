#include "tests/support/training.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "core/philox.h"

namespace tokenwerk {
namespace {

/// Sentences of made-up grammar: enough order for a loss to fall.
std::string text(std::uint64_t stream, int sentences) {
  const std::vector<std::string> words{"the",   "rank", "sends", "a",     "block", "to",  "every",
                                       "other", "host", "and",   "waits", "for",   "its", "sum"};
  std::string out;
  std::uint64_t draw = 0;
  for (int s = 0; s < sentences; ++s) {
    const std::uint32_t length = 3 + random_word(7, stream, draw++) % 9;
    for (std::uint32_t w = 0; w < length; ++w) {
      out += words[random_word(7, stream, draw++) % words.size()];
      out += w + 1 == length ? ".\n" : " ";
    }
  }
  return out;
}

const char* const recipe_rest = R"(
[data]
train = "data/text"
validation = "data/text.validation"
sequence_length = 32
[training]
steps = 20
global_batch = 8
micro_batch = 1
learning_rate = 3e-3
warmup_steps = 4
validate_every = 10
validate_batches = 2
[checkpoint]
every = 10
keep = 0
[log]
every = 1
)";

}  // namespace

std::map<std::string, std::string> training_environment() {
  return {{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
          {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
          {"OMPI_MCA_mpi_yield_when_idle", "1"},
          {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
          {"OMP_NUM_THREADS", "1"}};
}

TrainingFolder::TrainingFolder(const std::string& model) {
  test::write_file(path() / "train.txt", text(1, 1500));
  test::write_file(path() / "validation.txt", text(2, 200));
  test::write_file(path() / "recipe.toml", "[model]\n" + model + recipe_rest);
  const CommandResult result =
      tokenwerk({"prepare", "--input", "train.txt", "--validation", "validation.txt", "--output",
                 "data/text", "--tokenizer", "bytes"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
}

std::vector<std::string> TrainingFolder::command(int ranks, const std::string& run,
                                                 const std::vector<std::string>& flags) const {
  std::vector<std::string> arguments{"train", "recipe.toml", "--log.directory", run};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return tokenwerk_command(ranks, arguments);
}

CommandResult TrainingFolder::train(int ranks, const std::string& run,
                                    const std::vector<std::string>& flags, int exit_code) const {
  const CommandResult result =
      run_command(command(ranks, run, flags), path(), training_environment());
  EXPECT_EQ(result.exit_code, exit_code) << result.output;
  return result;
}

CommandResult TrainingFolder::tokenwerk(const std::vector<std::string>& arguments) const {
  return run_command(tokenwerk_command(1, arguments), path(), training_environment());
}

std::vector<nlohmann::json> TrainingFolder::lines_with(const std::string& field,
                                                       const std::string& run) const {
  std::vector<nlohmann::json> out;
  std::istringstream lines(bytes(std::filesystem::path(run) / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json json = nlohmann::json::parse(line);
    if (json.contains(field)) out.push_back(std::move(json));
  }
  return out;
}

std::vector<nlohmann::json> TrainingFolder::steps(const std::string& run) const {
  return lines_with("loss", run);
}

std::vector<double> TrainingFolder::losses(const std::string& run) const {
  std::vector<double> out;
  for (const nlohmann::json& step : steps(run)) out.push_back(step["loss"]);
  return out;
}

std::vector<double> TrainingFolder::validation_losses(const std::string& run) const {
  std::vector<double> out;
  for (const nlohmann::json& line : lines_with("validation_loss", run))
    out.push_back(line["validation_loss"]);
  return out;
}

std::filesystem::path TrainingFolder::checkpoint(const std::string& run, int step) const {
  const std::string digits = std::to_string(step);
  return std::filesystem::path(run) / "checkpoints" /
         ("step-" + std::string(8 - digits.size(), '0') + digits);
}

std::string TrainingFolder::bytes(const std::filesystem::path& relative) const {
  return test::read_file(path() / relative);
}

void expect_same_losses(const std::vector<double>& ours, const std::vector<double>& theirs) {
  ASSERT_EQ(ours.size(), theirs.size());
  ASSERT_FALSE(ours.empty());
  for (std::size_t i = 0; i < ours.size(); ++i)
    EXPECT_NEAR(ours[i], theirs[i], 1e-5 * std::abs(theirs[i])) << "step " << i + 1;
}

}  // namespace tokenwerk
