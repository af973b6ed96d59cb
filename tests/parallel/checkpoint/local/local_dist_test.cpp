/// Generations on hosts that real processes make believe they are on.

#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "parallel/checkpoint/local/local_resume.h"
#include "parallel/checkpoint/local/local_save.h"
#include "parallel/checkpoint/local/survey.h"
#include "parallel/comm/control.h"
#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/support/mpi_test.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

namespace fs = std::filesystem;

/// A disk for each host, below one folder.
struct Disks {
  explicit Disks(ControlWorld& all) : world(all) {
    if (world.comm->rank() == 0) made.emplace();
    path = broadcast_string(*world.comm, made ? made->path().string() : std::string());
  }
  ~Disks() { world.comm->barrier(); }

  /// As the ranks of the run would be on these hosts, `per_host` each, from host `first` on.
  [[nodiscard]] LocalTier tier(int per_host, int first = 0) const {
    const std::string name = fmt::format("h{}", first + world.comm->rank() / per_host);
    return {world.comm.get(), gather_hosts(*world.comm, name), path / name / "run", {{"aa"}}};
  }
  void lose(int host) const {
    world.comm->barrier();
    if (world.comm->rank() == 0) fs::remove_all(path / fmt::format("h{}", host));
    world.comm->barrier();
  }

  ControlWorld& world;
  std::optional<TemporaryFolder> made;
  fs::path path;
};

void keep(const LocalTier& tier, Index step, const std::vector<SampleArray>& arrays, int dim) {
  std::deque<BoxMemory> memories;
  std::vector<ArrayPart> parts;
  for (const SampleArray& array : arrays) {
    const Box box = cut(array.shape, dim++, tier.ranks->rank(), tier.ranks->size());
    memories.push_back(copy_of(array, box, 1));
    parts.push_back({array.name, array.shape, box, memories.back().view()});
  }
  LocalSave save(tier, step, parts, fmt::format(R"({{"step":{}}})", step));
  save.write();
  save.hand_over();
  save.check_copies();
  save.finish();
  if (tier.leads()) remove_generations_before(tier.folder, step);
  tier.ranks->barrier();
}

/// Messages of this rank to single others.
Index exchanges() {
  Index messages = 0;
  const Traffic sent = environment().sent();
  for (std::size_t axis = 0; axis < axis_count; ++axis)
    messages += sent.at(static_cast<Axis>(axis), Collective::exchange).messages;
  return messages;
}

struct Resumed {
  std::optional<LocalResume> from;
  std::string different;
};
Resumed resume(const LocalTier& tier, Index above, const std::vector<SampleArray>& arrays,
               int dim) {
  const Targets targets = make_targets(arrays, {dim, 2}, tier.ranks->rank(), tier.ranks->size());
  Resumed out;
  out.from = resume_local(tier, above, targets.targets, [](const CheckpointState&) {});
  if (out.from) out.different = differences(arrays, targets);
  return out;
}

class LocalTierTest : public testing::Test {
 protected:
  ControlWorld world;
  Disks disks{world};
  const std::vector<SampleArray> arrays = sample_arrays(), older = sample_arrays(1);
};

TEST_F(LocalTierTest, ComesBackInTheSameCutWithoutTraffic) {
  for (const int per_host : {1, 2, 8}) {
    const LocalTier tier = disks.tier(per_host);
    keep(tier, 10, arrays, 0);
    const Resumed resumed = resume(tier, 9, arrays, 0);
    ASSERT_TRUE(resumed.from);
    EXPECT_EQ(resumed.different, "");
    EXPECT_EQ(resumed.from->state.step, 10);
    EXPECT_EQ(resumed.from->state.state_json, R"({"step":10})");
    EXPECT_EQ(resumed.from->received_bytes, 0);
    EXPECT_EQ(resumed.from->from_copies, 0);
    EXPECT_FALSE(resume(tier, 10, arrays, 0).from);  // a checkpoint of that step is as good
    for (int host = 0; host < tier.hosts.hosts(); ++host) disks.lose(host);
  }
}

TEST_F(LocalTierTest, ComesBackInAnyCutOverTheNetwork) {
  const LocalTier tier = disks.tier(1);
  keep(tier, 10, arrays, 0);
  for (const int dim : {1, 2}) {
    const Resumed resumed = resume(tier, -1, arrays, dim);
    ASSERT_TRUE(resumed.from);
    EXPECT_EQ(resumed.different, "");
    // Of two hosts each keeps all.
    EXPECT_EQ(resumed.from->received_bytes > 0, world.comm->size() > 2);
  }
}

TEST_F(LocalTierTest, AHostThatIsLostComesFromTheCopyOntoASpareOne) {
  const LocalTier tier = disks.tier(1);
  if (tier.hosts.hosts() < 2) return;
  keep(tier, 10, arrays, 0);
  disks.lose(0);
  LocalTier after = disks.tier(1, 1);  // host h1 is where h0 was, the last one is new
  const Index before = exchanges();
  const Resumed resumed = resume(after, -1, arrays, 0);
  ASSERT_TRUE(resumed.from);
  EXPECT_EQ(resumed.different, "");
  EXPECT_EQ(resumed.from->from_copies, 1);
  // Each host has the shard of the host before; from there rank p - 1 alone wants one, and of one.
  const int meeting = exchanges() > before ? 1 : 0;
  EXPECT_LE(all_reduce(*world.comm, Index{meeting}), 2);
  begin_session(after.sessions, "bb", 10);
  keep(after, 20, older, 1);
  EXPECT_EQ(resume(after, -1, older, 0).different, "");
  EXPECT_EQ(list_generations(after.folder).size(), 1u);
}

TEST_F(LocalTierTest, TwoNeighboursLostAreNotThere) {
  const LocalTier tier = disks.tier(1);
  if (tier.hosts.hosts() < 3) return;
  keep(tier, 10, arrays, 0);
  disks.lose(0);
  disks.lose(1);
  EXPECT_FALSE(resume(disks.tier(1), -1, arrays, 0).from);
}

TEST_F(LocalTierTest, ADamagedShardIsSetAsideAndItsCopyTaken) {
  const LocalTier tier = disks.tier(1);
  keep(tier, 10, arrays, 0);
  const fs::path folder = tier.folder / generation_name(10, "aa");
  if (world.comm->rank() == 0) {
    std::string bytes = read_file(folder / "rank-00000.h5");
    bytes[bytes.size() / 2] ^= 1;
    write_file(folder / "rank-00000.h5", bytes);
  }
  world.comm->barrier();
  const Resumed resumed = resume(tier, -1, arrays, 0);
  EXPECT_EQ(resumed.from.has_value(), tier.hosts.hosts() > 1);
  EXPECT_EQ(resumed.different, "");
  if (world.comm->rank() == 0) {
    EXPECT_TRUE(fs::exists(folder / "rank-00000.h5.damaged"));
    EXPECT_FALSE(fs::exists(folder / "rank-00000.json"));
  }
}

TEST_F(LocalTierTest, ADamagedShardHidesNoOtherOfItsHost) {
  const LocalTier tier = disks.tier(world.comm->size());  // all on one host
  keep(tier, 10, arrays, 0);
  const Generation generation = list_generations(tier.folder).at(0);
  const fs::path folder = tier.folder / generation.name;
  std::set<int> rest;
  for (const LocalShard& shard : list_shards(folder))
    if (shard.rank > 0) rest.insert(shard.rank);
  world.comm->barrier();
  if (world.comm->rank() == 0) fs::resize_file(folder / "rank-00000.h5", 10);
  for (int round = 0; round < 10; ++round) {  // who looks first is a matter of chance
    world.comm->barrier();
    std::set<int> found;
    for (const auto& [rank, hosts] : survey_generation(tier, generation).holders)
      found.insert(rank);
    EXPECT_EQ(found, rest);
    world.comm->barrier();
    if (world.comm->rank() > 0) continue;
    for (const std::string name : {"rank-00000.json", "rank-00000.h5"})
      fs::rename(folder / (name + ".damaged"), folder / name);
  }
}

TEST_F(LocalTierTest, HostsThatHoldDifferentShardsUnderOneNameMixNothing) {
  const LocalTier tier = disks.tier(1);
  if (tier.hosts.hosts() < 2) return;
  keep(tier, 10, arrays, 0);
  const fs::path folder = tier.folder / generation_name(10, "aa"), kept = tier.folder / "kept";
  // Rank 0 alone has written again, other numbers and another state, before it was killed.
  fs::rename(folder, kept);
  keep(tier, 10, older, 0);
  if (world.comm->rank() != 0) {
    fs::remove_all(folder);
    fs::rename(kept, folder);
  }
  world.comm->barrier();
  EXPECT_FALSE(resume(tier, -1, arrays, 0).from);
}

TEST_F(LocalTierTest, AnUnfinishedGenerationLeavesTheOneBefore) {
  const LocalTier tier = disks.tier(1);
  keep(tier, 10, older, 0);
  const float number = 1.0f;
  const Shape shape{world.comm->size()};
  const ArrayPart part{
      "w", shape, {{world.comm->rank()}, {1}}, {&number, {1}, 1, DType::f32, nullptr}};
  LocalSave save(tier, 20, {&part, 1}, "{}");
  if (world.comm->rank() == world.comm->size() - 1) save.write();  // the others are killed
  world.comm->barrier();
  const Resumed resumed = resume(tier, -1, older, 0);
  ASSERT_TRUE(resumed.from);
  EXPECT_EQ(resumed.from->state.step, 10);
}

TEST_F(LocalTierTest, AFaultOfOneRankIsEveryRanksAndTheOlderOneStays) {
  const LocalTier tier = disks.tier(1);
  keep(tier, 10, arrays, 0);
  const int last = world.comm->size() - 1;
  const Shape shape{world.comm->size()};
  const ArrayPart part{
      "w", shape, {{world.comm->rank()}, {1}}, {nullptr, {1}, 1, DType::f32, nullptr}};
  const float number = 1.0f;
  ArrayPart sound = part;
  sound.value.data = &number;
  LocalSave save(tier, 20, std::span(world.comm->rank() == last ? &part : &sound, 1), "{}");
  save.write();
  EXPECT_THROW(save.hand_over(), CheckpointError);
  save.abandon();
  world.comm->barrier();
  EXPECT_FALSE(fs::exists(tier.folder / generation_name(20, "aa")));
  EXPECT_EQ(resume(tier, -1, arrays, 0).different, "");
}

}  // namespace
}  // namespace tokenwerk::test
