/// Law 5: the rank for which the others wait is named, and nobody is where all are as slow.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

using testing::ContainsRegex, testing::HasSubstr, testing::Not;

/// A run of four ranks that sleep so long before each step, which even out what a busy machine does
/// to them.
CommandResult train(const TrainingFolder& folder, const std::vector<std::string>& seconds,
                    std::vector<std::string> flags) {
  flags.insert(flags.end(), {"--log.every", "5"});
  for (std::size_t rank = 0; rank < seconds.size(); ++rank)
    flags.insert(flags.end(), {"--inject", "slow:step=1,rank=" + std::to_string(rank) +
                                               ",seconds=" + seconds[rank]});
  auto environment = training_environment();
  environment["TOKENWERK_ALLOW_INJECT"] = "1";
  const CommandResult result =
      run_command(folder.command(4, "run", flags), folder.path(), environment);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  return result;
}

TEST(Straggler, IsNamedOnTheLineAndInTheEvents) {
  for (const std::vector<std::string>& layout :
       {std::vector<std::string>{}, {"--parallel.tensor", "2"}, {"--parallel.pipeline", "2"}}) {
    const TrainingFolder folder(gpt_model);
    const CommandResult result = train(folder, {"0.1", "0.1", "0.5", "0.1"}, layout);
    EXPECT_THAT(result.output, ContainsRegex("step 20/20 .* slow: rank 2 host [^ ]+  "));
    EXPECT_THAT(
        folder.bytes("run/events.jsonl"),
        ContainsRegex("\"event\":\"straggler\",\"step\":[0-9]+,\"rank\":2,\"host\":\"[^\"]+\","
                      "\"what\":\"rank 2 host [^ ]+ holds the others up: a step takes "));
    EXPECT_EQ(folder.steps("run").back().count("straggler"), 0u);
  }
}

TEST(Straggler, IsNobodyWhereAllAreAsSlow) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result = train(folder, {"0.4", "0.4", "0.4", "0.4"}, {});
  EXPECT_THAT(result.output, Not(HasSubstr("slow:")));
  EXPECT_THAT(folder.bytes("run/events.jsonl"), Not(HasSubstr("straggler")));
}

TEST(LongStraggler, IsNotTheStageThatWorksMore) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result = train(folder, {"0.8", "0.75", "0.1", "0.1"},
                                     {"--parallel.pipeline", "2", "--parallel.data", "2"});
  EXPECT_THAT(result.output, Not(HasSubstr("slow:")));
}

}  // namespace
}  // namespace tokenwerk
