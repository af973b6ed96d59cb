/// Who tells whom of a hang, and when: many watchdogs in one process, with little patience.

#include "parallel/comm/hang_watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>

namespace tokenwerk {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t secret = 42;

/// A rank that has waited for an hour, and its watchdog.
class HangingRank {
 public:
  explicit HangingRank(int rank) : rank_(rank), channel_(std::make_unique<SideChannel>(rank)) {
    CollectiveCall call;
    call.group = {0, 1, 64};
    queue_.begin(call, CallAtHand::Clock::now() - 1h);
  }
  [[nodiscard]] SideAddress address() const { return channel_->address("n"); }
  void watch(std::vector<SideAddress> addresses, HangWatchdog::Times times,
             std::function<void()> end_run, int turn) {
    watchdog_ = std::make_unique<HangWatchdog>(
        ledger_, std::move(channel_),
        HangWatchdog::Ranks{rank_, turn, std::move(addresses), secret}, 0.4, std::move(end_run),
        times);
  }
  void watch(std::vector<SideAddress> addresses, HangWatchdog::Times times,
             std::function<void()> end_run) {
    watch(std::move(addresses), times, std::move(end_run), rank_);
  }

 private:
  int rank_;
  Ledger ledger_;
  CallAtHand queue_{ledger_};
  std::unique_ptr<SideChannel> channel_;
  std::unique_ptr<HangWatchdog> watchdog_;
};

TEST(HangWatchdog, WhileTheFirstRankIsAtWorkNobodyElseEndsTheRun) {
  constexpr int ranks = 32;
  const SideChannel silent(ranks);  // for which the first rank waits longer than others for it
  const HangWatchdog::Times times{.answer = 2s, .turn = 10ms, .again = 200ms, .verdict = 1s};
  std::promise<void> ended;
  std::atomic<int> blamed = 0;
  std::atomic<bool> once = false;
  std::vector<std::unique_ptr<HangingRank>> all;
  std::vector<SideAddress> addresses;
  for (int rank = 0; rank < ranks; ++rank) {
    all.push_back(std::make_unique<HangingRank>(rank));
    addresses.push_back(all.back()->address());
  }
  addresses.push_back(silent.address("silent"));
  for (int rank = 1; rank < ranks; ++rank)
    all[static_cast<std::size_t>(rank)]->watch({addresses[0]}, times, [&] { ++blamed; });
  all[0]->watch(addresses, times, [&] {
    if (!once.exchange(true)) ended.set_value();
  });
  ASSERT_EQ(ended.get_future().wait_for(60s), std::future_status::ready);
  EXPECT_EQ(blamed, 0);
}

/// A first rank that says what the test wants.
class FirstRank {
 public:
  explicit FirstRank(std::function<std::string(int)> answer) {
    channel_.serve(secret, [this, answer = std::move(answer)](const std::string& question) {
      return question == "overdue" ? answer(++told_) : std::string();
    });
  }
  [[nodiscard]] SideAddress address() const { return channel_.address("first"); }
  [[nodiscard]] int told() const { return told_; }

 private:
  std::atomic<int> told_ = 0;
  SideChannel channel_{0};
};

TEST(HangWatchdog, AFirstRankThatMissesOneMessageIsNotBlamed) {
  const FirstRank first([](int message) { return message == 1 ? "" : "judging"; });
  std::atomic<int> blamed = 0;
  HangingRank rank(1);
  rank.watch({first.address()}, {.again = 50ms}, [&] { ++blamed; });
  for (int i = 0; i < 600 && first.told() < 4; ++i) std::this_thread::sleep_for(100ms);
  EXPECT_GE(first.told(), 4);
  EXPECT_EQ(blamed, 0);
}

TEST(HangWatchdog, AFirstRankThatTakesTheMessageAndDoesNothingIsNamed) {
  const FirstRank first([](int) { return "taken"; });
  std::promise<void> ended;
  std::atomic<bool> once = false;
  HangingRank rank(1);
  rank.watch({first.address()}, {.again = 50ms, .verdict = 200ms}, [&] {
    if (!once.exchange(true)) ended.set_value();
  });
  EXPECT_EQ(ended.get_future().wait_for(60s), std::future_status::ready);
}

TEST(HangWatchdog, WhomTheFirstRankHasAskedTellsItNothing) {
  const FirstRank first([](int) { return "taken"; });
  HangingRank rank(1);
  const SideAddress address = rank.address();
  rank.watch(
      {first.address()}, {.turn = 2s}, [] {}, 1);
  EXPECT_FALSE(ask({address}, secret, "ledger", 60s)[0].empty());
  std::this_thread::sleep_for(2500ms);
  EXPECT_EQ(first.told(), 0);
}

TEST(SideChannel, ManyAreAskedAndWhoIsSilentHoldsUpNobody) {
  std::vector<std::unique_ptr<SideChannel>> channels;
  std::vector<SideAddress> addresses;
  const auto is_silent = [](int rank) { return rank % 100 == 50; };
  for (int rank = 0; rank < 300; ++rank) {
    channels.push_back(std::make_unique<SideChannel>(rank));
    addresses.push_back(channels.back()->address("n"));
    if (!is_silent(rank))
      channels.back()->serve(
          secret, [rank](const std::string& question) { return question + std::to_string(rank); });
  }
  const std::vector<std::string> answers = ask(addresses, secret, "who", 4s);
  for (int rank = 0; rank < 300; ++rank)
    EXPECT_EQ(answers[static_cast<std::size_t>(rank)],
              is_silent(rank) ? "" : "who" + std::to_string(rank));
}

}  // namespace
}  // namespace tokenwerk
