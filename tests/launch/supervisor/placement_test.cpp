/// The commands that start ranks on hosts, whom an end is blamed on, and fewer ranks where hosts
/// are lost.

#include "launch/supervisor/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "launch/supervisor/host_choice.h"
#include "tests/launch/recipe_text.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Placement, FillsOneHostAfterTheOther) {
  const Placement p = placed({{"n1", 4}, {"n2", 4}, {"n3", 4}}, 6);
  EXPECT_THAT(p.hosts, ElementsAre(Host{"n1", 4}, Host{"n2", 2}));
  EXPECT_THAT(p.spares, ElementsAre(Host{"n3", 4}));
}

Placement two_hosts(Index cores, Index threads) {
  Placement p = placed({{"n1", 2}, {"n2", 2}}, 4);
  p.cores = cores;
  p.threads = threads;
  return p;
}

TEST(Placement, PrefersHostsThatKeepWhatOthersWrote) {
  const std::vector<Host> ring{{"n1", 2}, {"n2", 2}, {"n3", 2}, {"n4", 2}};
  const auto used = [&](std::vector<Host> left, Index ranks) {
    return names_of(placed(keepers_first(left, ranks, ring), ranks).hosts);
  };
  // Of the dead n3, n4 keeps the shards; n2's own have no other copy. n1's lie on n2.
  EXPECT_EQ(used({ring[0], ring[1], ring[3]}, 4), "n2, n4");
  EXPECT_EQ(used({ring[0], ring[2], ring[3]}, 4), "n1, n3");
  EXPECT_EQ(used({ring[1], ring[2], ring[3]}, 4), "n2, n4");
  EXPECT_EQ(used(ring, 4), "n1, n3");
  EXPECT_EQ(used(ring, 7), "n1, n2, n3, n4") << "a host with fewer ranks is asked too";
  // A spare keeps nothing; two ranks cannot ask two hosts.
  EXPECT_EQ(used({ring[0], ring[1], ring[3], {"n5", 2}}, 6), "n1, n2, n4");
  EXPECT_EQ(used({ring[0], ring[1], ring[3]}, 2), "n2");
}

TEST(Placement, BelievesWhoSaysHowManyThreadsFitOtherMachines) {
  ::unsetenv("SLURM_CPUS_ON_NODE");
  const auto text = [](const std::string& host, Index threads) {
    return start_command(Starter::mpirun, with_threads(placed({{host, 4}}, 4), threads), {"x"}, {})
        .text();
  };
  EXPECT_THAT(text("another-host", 1000), HasSubstr("--map-by ppr:4:node:PE=1000 --bind-to core"));
  EXPECT_THAT(text(own_host_name(), 1000), HasSubstr("--oversubscribe --bind-to none"));
}

TEST(StartCommand, BindsRanksToCoresOfTheirOwn) {
  const std::string text =
      start_command(Starter::mpirun, two_hosts(8, 4), {"tokenwerk", "train", "my run.toml"},
                    {{"TOKENWERK_ATTEMPT", "1"}})
          .text();
  EXPECT_THAT(text, HasSubstr("OMP_NUM_THREADS=4 TOKENWERK_ATTEMPT=1 mpirun --host n1:2,n2:2 -n 4 "
                              "--map-by ppr:2:node:PE=4 --bind-to core"));
  EXPECT_THAT(text, HasSubstr("-x OMP_NUM_THREADS -x TOKENWERK_ATTEMPT"));
  EXPECT_TRUE(text.ends_with("tokenwerk train 'my run.toml'")) << text;
}

TEST(StartCommand, BindsNothingWhereRanksAreMoreThanCores) {
  const std::string text = start_command(Starter::mpirun, two_hosts(1, 1), {"x"}, {}).text();
  EXPECT_THAT(text, HasSubstr("--oversubscribe --bind-to none"));
  EXPECT_THAT(text, Not(HasSubstr("PE=")));
}

TEST(StartCommand, CountsInSrunAsSlurmDoes) {
  Placement hosts = two_hosts(8, 4);
  hosts.hardware_threads = 2;
  EXPECT_THAT(start_command(Starter::srun, hosts, {"x"}, {}).text(),
              HasSubstr("--cpus-per-task=8 --cpu-bind=cores"));
  EXPECT_THAT(start_command(Starter::mpirun, hosts, {"x"}, {}).text(), HasSubstr("PE=4"));
}

TEST(StartCommand, GivesSrunOneNumberOfRanksForAllHosts) {
  const std::string text = start_command(Starter::srun, two_hosts(8, 4), {"x"}, {}).text();
  EXPECT_THAT(text, HasSubstr("srun --mpi=pmix --kill-on-bad-exit=0 --wait=10 --distribution=block "
                              "--nodelist=n1,n2 --nodes=2 --ntasks=4 --ntasks-per-node=2 "
                              "--cpus-per-task=4 --cpu-bind=cores x"));
  EXPECT_THROW((void)start_command(Starter::srun, placed({{"n1", 1}, {"n2", 2}}, 3), {"x"}, {}),
               ConfigError);
}

TEST(Blame, IsReadFromTheLinesOfEveryStarter) {
  const auto of_mpirun = blame_of(
      "mpirun noticed that process rank 3 with PID 71 on node n2 exited on signal 9 (Killed).");
  ASSERT_TRUE(of_mpirun);
  EXPECT_EQ(of_mpirun->host, "n2");
  EXPECT_EQ(of_mpirun->rank, 3);
  const auto lost = blame_of("  Remote daemon: [[29161,0],2] on node n3");
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->host, "n3");
  EXPECT_EQ(lost->rank, std::nullopt);
  const auto of_srun = blame_of("srun: error: n4: task 7: Killed");
  ASSERT_TRUE(of_srun);
  EXPECT_EQ(of_srun->host, "n4");
  EXPECT_EQ(of_srun->rank, 7);
  const auto of_rank = blame_of("rank 1 host n5: no such device");
  ASSERT_TRUE(of_rank);
  EXPECT_EQ(of_rank->host, "n5");
  const auto of_exit = blame_of("  Process name: [[7980,1],3]");
  ASSERT_TRUE(of_exit);
  EXPECT_EQ(of_exit->rank, 3);
  EXPECT_EQ(of_exit->host, "") << "an exit code is no fault of a host";
  const Placement hosts = placed({{"n1", 2}, {"n2", 4}}, 5);
  EXPECT_EQ(host_of_rank(hosts, 1), "n1");
  EXPECT_EQ(host_of_rank(hosts, 3), "n2");
  EXPECT_FALSE(blame_of("step 3/60  loss 4.1"));
}

TEST(Blame, IsOfAHostByAnyOfItsNamesAndOfNoneWhereItIsOfMost) {
  const std::vector<Host> hosts{{"n1", 2}, {"n2.cluster.local", 2}, {"n3", 2}};
  const auto blamed = [&](const std::vector<std::string>& names) {
    std::vector<Blame> blames;
    for (const std::string& name : names) blames.push_back({"", name, std::nullopt});
    return blamed_hosts(hosts, blames);
  };
  EXPECT_THAT(blamed({"n1.cluster.local", "n1", ""}), ElementsAre("n1"));
  EXPECT_THAT(blamed({"n2"}), ElementsAre("n2.cluster.local"));
  EXPECT_THAT(blamed({"n30"}), ElementsAre());
  EXPECT_THAT(blamed({"n1", "n3"}), ElementsAre());
}

class Elastic : public testing::Test {
 protected:
  /// global_batch 12, micro_batch 1
  RecipeSource source(std::vector<RecipeFlag> flags = {}) {
    const auto file = folder_.path() / "run.toml";
    test::write_file(file, test::small);
    flags.push_back({"training.global_batch", "12"});
    flags.push_back({"training.micro_batch", "1"});
    return {file.string(), flags};
  }
  test::TemporaryFolder folder_;
};

TEST_F(Elastic, TheDataAxisShrinksToADivisorOfTheBatch) {
  EXPECT_EQ(most_legal_ranks(source(), 12, 12), 12);
  EXPECT_EQ(most_legal_ranks(source(), 12, 11), 6);
  EXPECT_EQ(most_legal_ranks(source(), 12, 5), 4);
  EXPECT_EQ(most_legal_ranks(source(), 12, 40), 12) << "never more than asked for";
}

TEST_F(Elastic, ReplicasStayWhole) {
  const RecipeSource two = source({{"parallel.tensor", "2"}, {"parallel.data", "6"}});
  EXPECT_EQ(most_legal_ranks(two, 12, 9), 8);
  EXPECT_EQ(most_legal_ranks(two, 12, 1), std::nullopt);
  EXPECT_EQ(flags_on(two, 12, 8).back().value, "4") << "a degree that was given follows";
  EXPECT_EQ(flags_on(two, 12, 12).size(), two.flags.size());
}

}  // namespace
}  // namespace tokenwerk
