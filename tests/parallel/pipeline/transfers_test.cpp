/// All ranks played against each other in random order, over a network as slow as it may be.

#include "parallel/pipeline/transfers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "parallel/pipeline/generators.h"
#include "parallel/pipeline/schedule_text.h"

namespace tokenwerk::test {
namespace {

/// Runs every rank's actions with their transfers and expects what the header promises.
class Play {
 public:
  Play(const PipelineSchedule& schedule, std::uint32_t seed)
      : schedule_(schedule), random_(seed), next_(static_cast<std::size_t>(schedule.ranks())) {
    for (int rank = 0; rank < schedule.ranks(); ++rank)
      transfers_.push_back(transfers_of(schedule, rank));
  }

  void run() {
    std::vector<int> ranks(next_.size());
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t r = 0; r < ranks.size(); ++r) ranks[r] = static_cast<int>(r);
      std::shuffle(ranks.begin(), ranks.end(), random_);
      for (const int rank : ranks) {
        // A rank may run far ahead of the others, or wait while they do.
        for (std::uint32_t turns = random_() % 8; turns > 0 && step(rank); --turns) moved = true;
        moved = moved || unfinished(rank);
        if (testing::Test::HasFailure() || ++rounds_ > 1000000) return;
      }
    }
    for (int rank = 0; rank < schedule_.ranks(); ++rank)
      EXPECT_FALSE(unfinished(rank)) << "rank " << rank;
    for (const auto& [ends, results] : posted_) EXPECT_EQ(results, sent_between_[ends]);
  }

  /// Sends between ranks, and those that were known to have arrived before the end of the step.
  [[nodiscard]] std::size_t sends() const { return sends_; }
  [[nodiscard]] std::size_t known_to_have_arrived() const { return known_.size(); }

 private:
  using Ends = std::pair<int, int>;  ///< from, to

  [[nodiscard]] bool unfinished(int rank) const {
    return at(next_, rank) < at(transfers_, rank).size() && can_step(rank);
  }
  [[nodiscard]] bool can_step(int rank) const {
    const auto& input = at(transfers_, rank)[at(next_, rank)].input;
    return !input || sent_.contains(input->result);
  }

  bool step(int rank) {
    if (at(next_, rank) == at(transfers_, rank).size()) return false;
    post(rank);
    if (!can_step(rank)) return false;
    const ActionTransfers& t = at(transfers_, rank)[at(next_, rank)];
    if (t.input) take(rank, *t.input);
    for (const Message& m : t.arrived) {
      EXPECT_NE(m.peer, rank);
      EXPECT_TRUE(sent_.contains(m.result)) << "not sent yet";
      EXPECT_TRUE(taken_.contains(m.result)) << "the receiver may still want it";
      EXPECT_TRUE(known_.insert(m.result).second) << "freed twice";
    }
    if (t.output) give(rank, *t.output);
    ++at(next_, rank);
    return true;
  }

  /// Once for each action, when the rank comes to it, even if it then has to wait.
  void post(int rank) {
    const auto place = at(next_, rank);
    if (!came_.insert({rank, place}).second) return;
    for (const Message& m : at(transfers_, rank)[place].post)
      posted_[{m.peer, rank}].push_back(m.result);
  }

  void take(int rank, const Message& m) {
    EXPECT_TRUE(taken_.insert(m.result).second);
    if (m.peer == rank) return;
    const Ends ends{m.peer, rank};
    const auto posted = std::ranges::find(posted_[ends], m.result);
    ASSERT_NE(posted, posted_[ends].end()) << "no receive was posted";
    // Messages between two ranks meet receives in their order.
    const auto place = static_cast<std::size_t>(posted - posted_[ends].begin());
    ASSERT_LT(place, sent_between_[ends].size());
    EXPECT_EQ(sent_between_[ends][place], m.result) << "the receive gets another message";
  }

  void give(int rank, const Message& m) {
    EXPECT_TRUE(sent_.insert(m.result).second);
    if (m.peer == rank) return;
    sent_between_[{rank, m.peer}].push_back(m.result);
    ++sends_;
  }

  const PipelineSchedule& schedule_;
  std::mt19937 random_;
  std::vector<std::size_t> next_;  ///< place in each rank's program
  std::vector<std::vector<ActionTransfers>> transfers_;
  std::map<Ends, std::vector<Result>> posted_, sent_between_;
  std::set<Result> sent_, taken_, known_;
  std::set<std::pair<int, std::size_t>> came_;
  std::size_t sends_ = 0;
  int rounds_ = 0;
};

template <typename Visit>
void for_each_small_schedule(const Visit& visit) {
  for (const std::string_view name : schedule_names()) {
    for (int ranks = 1; ranks <= 5; ++ranks) {
      for (const int microbatches : {1, 2, 3, 5, 8, 11}) {
        SCOPED_TRACE(testing::Message() << name << ", " << ranks << " ranks, " << microbatches);
        visit(make_schedule(name, {.ranks = ranks, .microbatches = microbatches}));
        if (name == "interleaved")
          visit(make_schedule(name,
                              {.ranks = ranks, .microbatches = microbatches, .virtual_stages = 3}));
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(Transfers, HoldWhateverTheRanksSpeeds) {
  for_each_small_schedule([](const PipelineSchedule& schedule) {
    for (std::uint32_t seed = 0; seed < 5; ++seed) Play(schedule, seed).run();
  });
}

TEST(Transfers, HoldForSchedulesOfOnesOwn) {
  // Both ends of the model on one rank; messages to it in both directions.
  const PipelineSchedule schedule = read_schedule(
      "rank 0: 0F0 0F1 0F2 2F0 2I0 2W0 0F3 2F1 2B1 0B0 2F2 2I2 0I1 2F3 2W2 2B3 0B2 0W1 0B3\n"
      "rank 1: 1F0 1F1 1F2 1I0 1F3 1B1 1W0 1B2 1B3\n",
      "own");
  for (std::uint32_t seed = 0; seed < 50; ++seed) Play(schedule, seed).run();
}

TEST(Transfers, HoldForForwardAlone) {
  PipelineSchedule forward = make_schedule("zb-v", {.ranks = 3, .microbatches = 6});
  for (auto& program : forward.program)
    std::erase_if(program, [](const Action& action) { return action.work != Work::forward; });
  for (std::uint32_t seed = 0; seed < 50; ++seed) Play(forward, seed).run();
}

TEST(Transfers, FreeWhatIsKnownToHaveArrivedWithinTheStep) {
  for (const char* name : {"1f1b", "interleaved", "zb-h1", "zb-v"}) {
    const PipelineSchedule schedule = make_schedule(name, {.ranks = 4, .microbatches = 32});
    Play play(schedule, 1);
    play.run();
    EXPECT_GT(play.known_to_have_arrived(), play.sends() * 3 / 4) << name;
  }
}

}  // namespace
}  // namespace tokenwerk::test
