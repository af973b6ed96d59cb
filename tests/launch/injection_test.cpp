/// Faults on request: their texts, and that nobody gets one by accident.

#include "launch/injection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "core/error.h"

namespace tokenwerk {
namespace {

std::string fault_of(const std::vector<std::string>& texts) {
  try {
    (void)read_injections(texts);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return {};
}

class Injections : public testing::Test {
 protected:
  void SetUp() override { ::setenv(injection_variable, "1", 1); }
  void TearDown() override { ::unsetenv(injection_variable); }
};

TEST_F(Injections, AreRead) {
  const auto all = read_injections({"kill:rank=3,step=17", "slow:rank=0,seconds=0.5,attempt=2"});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].kind, Injection::Kind::kill);
  EXPECT_EQ(all[0].rank, 3);
  EXPECT_EQ(all[0].step, 17);
  EXPECT_EQ(all[0].attempt, 1);
  EXPECT_EQ(all[1].kind, Injection::Kind::slow);
  EXPECT_EQ(all[1].seconds, 0.5);
  EXPECT_EQ(all[1].attempt, 2);
}

TEST_F(Injections, AreDueToTheirRankBeforeTheirStep) {
  const auto all = read_injections({"flip:rank=1,step=3,bit=31", "flip:rank=1,step=3,attempt=2",
                                    "slow:rank=1,step=2,seconds=0"});
  const auto flips = [&](Index rank, Index step) {
    return due(all, Injection::Kind::flip, rank, step);
  };
  ASSERT_EQ(flips(1, 3).size(), 1u);
  EXPECT_EQ(flips(1, 3)[0].bit, 31);
  EXPECT_TRUE(flips(1, 2).empty() && flips(1, 4).empty() && flips(0, 3).empty());
  EXPECT_EQ(due(all, Injection::Kind::slow, 1, 9).size(), 1u);
}

TEST_F(Injections, WrongNumbersStickToABatchAndConcernWhoSharesItsSamples) {
  const auto all = read_injections({"nan:rank=2,step=7", "spike:rank=0,step=9,factor=100"});
  const Mesh mesh({.shard = 2, .tensor = 2}, 4);  // ranks 0 and 1 share samples, 2 and 3 others
  const auto factor = [&](Index batch, Index rank) {
    return injected_factor(all, batch, mesh, rank);
  };
  EXPECT_TRUE(std::isnan(factor(7, 2)));
  EXPECT_TRUE(std::isnan(factor(7, 3)));
  EXPECT_EQ(factor(7, 1), 1.0);
  EXPECT_EQ(factor(8, 2), 1.0);
  EXPECT_EQ(factor(9, 1), 100.0);
  EXPECT_EQ(factor(9, 2), 1.0);
  EXPECT_EQ(injected_factor(read_injections({"nan:rank=4,step=7"}), 7, mesh, 0), 1.0);
  EXPECT_EQ(injected_factor(read_injections({"nan:rank=0,step=7,attempt=2"}), 7, mesh, 0), 1.0);
}

TEST_F(Injections, EveryFaultOfTheirTextsIsNamed) {
  const std::string fault = fault_of({"kil:rank=3", "kill:rank=x,stop=1"});
  EXPECT_NE(fault.find("the nearest known one is kill"), std::string::npos) << fault;
  EXPECT_NE(fault.find("rank=x"), std::string::npos) << fault;
  EXPECT_NE(fault_of({"flip:bit=32"}).find("bits are 0 to 31"), std::string::npos);
  EXPECT_NE(fault.find("stop=1"), std::string::npos) << fault;
}

TEST_F(Injections, WhatWouldNeverStrikeIsNamed) {
  for (const char* text :
       {"kill", "kill:", "kill:step=3", "kill:rank=0,step=0", "kill:rank=0,attempt=0",
        "slow:rank=1,step=2", "flip:rank=0,seconds=1", "nan:rank=0,factor=2", "kill:rank=0,bit=3"})
    EXPECT_NE(fault_of({text}).find(text), std::string::npos) << text << ": " << fault_of({text});
}

TEST_F(Injections, AreRefusedUnlessAskedForByName) {
  ::unsetenv(injection_variable);
  EXPECT_NE(fault_of({"kill:rank=0,step=1"}).find(injection_variable), std::string::npos);
  EXPECT_TRUE(read_injections({}).empty());
}

}  // namespace
}  // namespace tokenwerk
