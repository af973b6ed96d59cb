/// Who runs the next attempt.

#include "launch/supervisor/host_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/launch/recipe_text.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using testing::ElementsAre;

class NextHosts : public testing::Test {
 protected:
  /// A global batch of 12 sequences, in micro-batches of one.
  NextHosts() {
    const auto file = folder_.path() / "run.toml";
    test::write_file(file, test::small);
    options_.recipe = {file.string(),
                       {{"training.global_batch", "12"}, {"training.micro_batch", "1"}}};
  }
  /// The names of those that run next, where all answer but `silent`.
  std::string next(const std::string& silent = "") {
    const auto ask = [&](const std::vector<Host>& hosts) {
      Answers answers;
      for (const Host& host : hosts)
        (host.name == silent ? answers.silent : answers.reached).push_back(host);
      return answers;
    };
    const auto found = choice_.next(options_.recipe, ask);
    if (!found) return "nobody";
    excluded_ = names_of(found->excluded);
    return names_of(found->placement.hosts);
  }
  void blame(const std::string& host) { choice_.count({{"", host, std::nullopt}}); }

  test::TemporaryFolder folder_;
  SupervisorOptions options_;
  HostChoice choice_{options_};
  std::string excluded_;  ///< of the last choice
};

TEST_F(NextHosts, LeaveOutWhoIsBlamedForTwoEndsInARow) {
  options_.hosts = {{"n1", 3}, {"n2", 3}, {"n3", 3}, {"n4", 3}};
  blame("n2");
  EXPECT_EQ(next(), "n1, n2, n3, n4") << "once may be chance";
  blame("n2");
  EXPECT_EQ(next(), "n1, n3") << "of 9 ranks 6 divide the batch";
  EXPECT_EQ(excluded_, "n2");
  blame("n3");
  EXPECT_EQ(next(), "n1, n2, n3, n4") << "no more in a row";
  blame("n2");
  EXPECT_EQ(next("n4"), "n1, n2");
  EXPECT_EQ(excluded_, "n4");
}

TEST_F(NextHosts, AreSparesInTheirPlaces) {
  options_.hosts = {{"n1", 3}, {"n2", 3}};
  options_.spares = {{"n3", 3}};
  blame("n1");
  blame("n1");
  EXPECT_EQ(next(), "n2, n3");
  EXPECT_EQ(excluded_, "n1");
}

TEST_F(NextHosts, AreThoseThatFailedRatherThanTooFew) {
  options_.hosts = {{"n1", 1}, {"n2", 1}};
  options_.recipe.flags.push_back({"parallel.tensor", "2"});
  blame("n1");
  blame("n1");
  EXPECT_EQ(next(), "n1, n2");
  EXPECT_EQ(excluded_, "");
  EXPECT_EQ(next("n1"), "nobody");
}

}  // namespace
}  // namespace tokenwerk
