/// Which shards make a generation whole, and which hosts keep whose copies.

#include "parallel/checkpoint/local/local_index.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

/// What rank `rank` of `ranks` wrote: its rows of one array; an odd one out holds nothing.
LocalIndex index_of(int rank, int ranks, Index rows = 8) {
  LocalIndex index;
  index.step = 40;
  index.rank = rank;
  index.ranks = ranks;
  index.sum = {1000, 7};
  const Index first = rows * rank / ranks, last = rows * (rank + 1) / ranks;
  if (first == last) {
    index.sum = {};
  } else {
    index.arrays = {
        {"model/w", DType::f32, {rows, 3}, {{0, "model/w", {{first, 0}, {last - first, 3}}}}}};
  }
  index.state_json = R"({"step":40})";
  return index;
}

std::string fault_of_merging(std::vector<LocalIndex> found) {
  try {
    (void)merged_generation(std::move(found));
    return {};
  } catch (const CheckpointError& fault) {
    return fault.what();
  }
}

TEST(LocalIndex, IsReadBackAsItWasWritten) {
  for (const LocalIndex& index : {index_of(2, 4), index_of(0, 9)}) {
    const LocalIndex read = parse_index(index_text(index), "here");
    EXPECT_EQ(index_text(read), index_text(index));
    EXPECT_EQ(read.rank, index.rank);
    EXPECT_EQ(read.ranks, index.ranks);
    EXPECT_EQ(read.sum, index.sum);
    EXPECT_EQ(read.state_json, index.state_json);
  }
}

TEST(LocalIndex, IsRefusedWithAnyByteChanged) {
  const std::string text = index_text(index_of(0, 2));
  for (std::size_t i = 0; i < text.size(); i += 7) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_THROW((void)parse_index(damaged, "here"), CheckpointError) << i;
  }
  EXPECT_THROW((void)parse_index("", "here"), CheckpointError);
}

TEST(MergedGeneration, IsOneCheckpointOfAllShardsInAnyOrder) {
  const MergedGeneration all =
      merged_generation({index_of(3, 4), index_of(0, 4), index_of(2, 4), index_of(1, 4)});
  EXPECT_EQ(all.manifest.step, 40);
  EXPECT_EQ(all.manifest.state_json, R"({"step":40})");
  ASSERT_EQ(all.manifest.arrays.size(), 1u);
  EXPECT_EQ(all.manifest.arrays[0].parts.size(), 4u);
  EXPECT_EQ(all.rank_of_file, (std::vector<int>{0, 1, 2, 3}));
}

TEST(MergedGeneration, RanksThatHoldNothingHaveNoFileButAreNotMissing) {
  std::vector<LocalIndex> found;
  for (int rank = 0; rank < 9; ++rank) found.push_back(index_of(rank, 9));
  EXPECT_EQ(merged_generation(found).rank_of_file.size(), 8u);
  found.erase(found.begin());  // rank 0 of 9 has no row of 8
  EXPECT_EQ(fault_of_merging(found), "what rank 0 wrote is on no host that is left");
}

TEST(MergedGeneration, SaysWhatIsMissing) {
  EXPECT_EQ(fault_of_merging({}), "no shard of it is left");
  EXPECT_EQ(fault_of_merging({index_of(2, 4), index_of(0, 4)}),
            "what rank 1, 3 wrote is on no host that is left");
}

TEST(MergedGeneration, RefusesShardsOfDifferentSavesThoughTheirBoxesFit) {
  LocalIndex step = index_of(1, 2), ranks = step, state = step;
  step.step = 41;
  ranks.ranks = 1;
  state.state_json = R"({"step":40,"bad_steps":[12]})";
  for (const LocalIndex& other : {step, ranks, state})
    EXPECT_EQ(fault_of_merging({index_of(0, 2), other}),
              "what rank 1 wrote is not of the same save as that of rank 0");
  EXPECT_EQ(fault_of_merging({index_of(0, 2), index_of(1, 2)}), "");
}

TEST(MergedGeneration, NeedsTheStateOnceAndItsSumOtherwise) {
  const LocalIndex summary = parse_index(summary_text(index_of(0, 2)), "here");
  EXPECT_EQ(summary.state_json, "");
  EXPECT_EQ(merged_generation({summary, index_of(1, 2)}).manifest.state_json, R"({"step":40})");
  LocalIndex other = index_of(1, 2);
  other.state_json = R"({"step":41})";
  EXPECT_NE(fault_of_merging({summary, other}), "");
}

TEST(MergedGeneration, RefusesShardsOfDifferentCuts) {
  const std::string fault = fault_of_merging({index_of(0, 2), index_of(1, 2, 10)});
  EXPECT_NE(fault.find("model/w"), std::string::npos) << fault;
}

TEST(Candidates, AreNewerThanTheCheckpointNewestFirstAndEachOnce) {
  const Generation old{10, "step-00000010.a"}, one{20, "step-00000020.a"},
      two{30, "step-00000030.a"}, other{20, "step-00000020.b"};
  const auto found = candidates({{two, one, old}, {}, {two, other}}, 10);
  EXPECT_EQ(found, (std::vector<Generation>{two, one, other}));
  EXPECT_TRUE(candidates({{one}}, 20).empty());
  EXPECT_TRUE(candidates({}, -1).empty());
}

TEST(Generations, AreKnownByTheirNames) {
  EXPECT_EQ(generation_of(generation_name(7, "0a1b")), (Generation{7, "step-00000007.0a1b"}));
  for (const char* other : {"step-00000007", "step-7.a", "other.a", ".a", ""})
    EXPECT_FALSE(generation_of(other)) << other;
}

TEST(LocalShards, AreListedByTheirIndexesOwnOnesFirst) {
  const test::TemporaryFolder folder;
  for (const char* name : {"copy-00001.json", "copy-00001.h5", "rank-00003.json", "rank-00002.h5",
                           "rank-00004.json.damaged", "rank-4.json", "other.json"})
    test::write_file(folder / name, "");
  EXPECT_EQ(list_shards(folder.path()),
            (std::vector<LocalShard>{{3, Holding::own}, {1, Holding::copy}}));
  EXPECT_TRUE(list_shards(folder / "none").empty());
}

TEST(HostMap, TheNextHostInTheRingKeepsTheCopies) {
  const HostMap hosts = host_map({"a", "a", "b", "b", "c", "c"});
  EXPECT_EQ(hosts.names, (std::vector<std::string>{"a", "b", "c"}));
  std::vector<int> keepers;
  for (int rank = 0; rank < 6; ++rank) keepers.push_back(keeper_of(hosts, rank));
  EXPECT_EQ(keepers, (std::vector<int>{2, 3, 4, 5, 0, 1}));
  EXPECT_EQ(keeper_of(host_map({"a", "a"}), 1), -1);
  EXPECT_TRUE(hand_overs(host_map({"a", "a"}), 0).empty());
}

TEST(HostMap, WhoReadsFromEveryHostMeetsHalfAsManyRanks) {
  std::vector<std::string> names;
  for (int rank = 0; rank < 64; ++rank) names.push_back(std::to_string(rank / 2));
  const HostMap hosts = host_map(names);
  std::vector<std::set<int>> met(names.size());
  for (int rank = 0; rank < 64; ++rank) {
    for (int host = 0; host < 32; ++host) {
      const int next = (host + 1) % 32, here = hosts.host_of_rank[static_cast<std::size_t>(rank)];
      if (here == host || here == next) continue;
      const int reader = reader_for(hosts, rank, {std::min(host, next), std::max(host, next)});
      const int on = hosts.host_of_rank[static_cast<std::size_t>(reader)];
      EXPECT_TRUE(on == host || on == next);
      met[static_cast<std::size_t>(rank)].insert(reader);
      met[static_cast<std::size_t>(reader)].insert(rank);
    }
  }
  for (const std::set<int>& others : met) EXPECT_LE(others.size(), 16u);
  EXPECT_EQ(reader_for(hosts, 0, {3}), 6);
}

TEST(HostMap, EverySendMeetsItsReceiveWhateverTheHostsHold) {
  for (const auto& names : std::vector<std::vector<std::string>>{{"a", "b"},
                                                                 {"a", "a", "a", "b"},
                                                                 {"a", "b", "a", "b", "c"},
                                                                 {"a", "b", "b", "b", "b"}}) {
    const HostMap hosts = host_map(names);
    const int ranks = static_cast<int>(names.size());
    const std::size_t rounds = hand_overs(hosts, 0).size();
    std::vector<int> sent(names.size(), 0);
    for (int rank = 0; rank < ranks; ++rank) {
      const auto mine = hand_overs(hosts, rank);
      ASSERT_EQ(mine.size(), rounds);
      for (std::size_t round = 0; round < rounds; ++round) {
        if (mine[round].to >= 0) {
          ++sent[static_cast<std::size_t>(rank)];
          EXPECT_EQ(hand_overs(hosts, mine[round].to)[round].from, rank);
          EXPECT_NE(names[static_cast<std::size_t>(mine[round].to)],
                    names[static_cast<std::size_t>(rank)]);
        }
        if (mine[round].from >= 0) {
          EXPECT_EQ(hand_overs(hosts, mine[round].from)[round].to, rank);
        }
      }
    }
    EXPECT_EQ(sent, std::vector<int>(names.size(), 1));
  }
}

}  // namespace
}  // namespace tokenwerk
