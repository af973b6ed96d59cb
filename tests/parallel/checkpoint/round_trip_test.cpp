/// What was saved comes back bit for bit, whatever the cuts of the two sides.

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "core/dtype.h"
#include "parallel/checkpoint/hdf5_file.h"
#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/parallel/checkpoint/rank_threads.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

void expect_all_well(const std::vector<std::string>& faults) {
  for (const std::string& fault : faults) EXPECT_EQ(fault, "");
}

struct Ranks {
  int writers;
  int readers;
  Layout write;
  Layout read;
};

class RoundTrip : public testing::TestWithParam<Ranks> {};

TEST_P(RoundTrip, GivesBackEveryBit) {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  const Ranks p = GetParam();
  expect_all_well(run_ranks(
      p.writers, [&](Communicator& c) { save_sample(c, folder.path(), 100, arrays, p.write); }));
  expect_all_well(run_ranks(p.readers, [&](Communicator& c) {
    EXPECT_EQ(load_sample(c, folder.path(), arrays, p.read), "") << "rank " << c.rank();
  }));
}

INSTANTIATE_TEST_SUITE_P(Layouts, RoundTrip,
                         testing::Values(Ranks{1, 1, {0, 0}, {0, 0}}, Ranks{1, 4, {0, 3}, {1, 0}},
                                         Ranks{2, 1, {0, 0}, {0, 1}}, Ranks{2, 3, {1, 1}, {0, 0}},
                                         Ranks{4, 8, {0, 0}, {3, 2}}, Ranks{8, 2, {2, 5}, {1, 0}},
                                         Ranks{8, 8, {1, 0}, {2, 0}}, Ranks{3, 5, {3, 0}, {0, 4}}),
                         [](const auto& layouts) {
                           return fmt::format("{}to{}dims{}{}", layouts.param.writers,
                                              layouts.param.readers, layouts.param.write.dim,
                                              layouts.param.read.dim);
                         });

TEST(Checkpoint, KeepsEveryBFloat16Pattern) {
  const TemporaryFolder folder;
  SampleArray array = sample_array("model/patterns", DType::bf16, {256, 256});
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto pattern = static_cast<std::uint16_t>(bits);
    std::memcpy(array.bytes.data() + 2 * bits, &pattern, 2);
  }
  expect_all_well(run_ranks(2, [&](Communicator& c) {
    save_sample(c, folder.path(), 1, {array}, {1, 0});
    EXPECT_EQ(load_sample(c, folder.path(), {array}, {0, 0}), "");
  }));
}

TEST(Checkpoint, StateComesBack) {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  expect_all_well(run_ranks(2, [&](Communicator& c) {
    save_sample(c, folder.path(), 7, arrays, {});
    const Targets targets = make_targets(arrays, {}, c.rank(), c.size());
    const CheckpointState state = load_checkpoint(c, folder.path(), targets.targets);
    EXPECT_EQ(state.step, 7);
    EXPECT_EQ(state.state_json, R"({"step":7,"rate":0.1,"text":"two\nlines"})");
    EXPECT_EQ(state.folder, folder.path() / "step-00000007");
  }));
}

TEST(Checkpoint, EqualSavesAreEqualBytes) {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  expect_all_well(
      run_ranks(2, [&](Communicator& c) { save_sample(c, folder.path() / "a", 100, arrays, {}); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's times count seconds
  expect_all_well(
      run_ranks(2, [&](Communicator& c) { save_sample(c, folder.path() / "b", 100, arrays, {}); }));
  for (const char* name : {"rank-00000.h5", "rank-00001.h5", "model.h5", "manifest.json"}) {
    const std::string path = std::string("step-00000100/") + name;
    EXPECT_EQ(read_file(folder.path() / "a" / path), read_file(folder.path() / "b" / path)) << name;
  }
}

TEST(Checkpoint, ConvertsBetweenFloatsToNearestEven) {
  const TemporaryFolder folder;
  const std::vector<float> values = {1.0f,       1.00390625f, 1.01171875f, -0.0f,
                                     3.1415927f, 1e-40f,      INFINITY};
  expect_all_well(run_ranks(1, [&](Communicator& c) {
    const Shape shape{static_cast<Index>(values.size())};
    const ArrayPart part{
        "model/w", shape, Box::whole(shape), {values.data(), shape, shape[0], DType::f32, nullptr}};
    save_checkpoint(c, folder.path(), 1, std::span(&part, 1));
    std::vector<BFloat16> narrow(values.size());
    std::vector<double> wide(values.size());
    const ArrayTarget targets[] = {
        {"model/w",
         shape,
         Box::whole(shape),
         {narrow.data(), shape, shape[0], DType::bf16, nullptr}},
        {"model/w", shape, Box::whole(shape), {wide.data(), shape, shape[0], DType::f64, nullptr}}};
    (void)load_checkpoint(c, folder.path(), targets);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(narrow[i].bits, BFloat16(values[i]).bits) << values[i];
      EXPECT_EQ(wide[i], static_cast<double>(values[i]));
    }
    EXPECT_EQ(narrow[1].bits, 0x3f80);  // a tie goes to the even one, below here
    EXPECT_EQ(narrow[2].bits, 0x3f82);  // and above here
  }));
}

TEST(Checkpoint, SeveralBoxesOfOneArrayOnOneRank) {
  const TemporaryFolder folder;
  const SampleArray array = sample_array("model/w", DType::f32, {9, 4});
  expect_all_well(run_ranks(2, [&](Communicator& c) {
    std::deque<BoxMemory> memories;
    std::vector<ArrayPart> parts;
    for (Index piece = c.rank(); piece < 5; piece += 2) {
      memories.push_back(copy_of(array, cut(array.shape, 0, piece, 5), 0));
      parts.push_back({array.name, array.shape, memories.back().box, memories.back().view()});
    }
    save_checkpoint(c, folder.path(), 1, parts, "{}");
    EXPECT_EQ(load_sample(c, folder.path(), {array}, {1, 0}), "");
  }));
}

TEST(Checkpoint, ViewShowsWholeArrays) {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  expect_all_well(
      run_ranks(4, [&](Communicator& c) { save_sample(c, folder.path(), 100, arrays, {}); }));
  const auto moved = folder.path() / "elsewhere";  // the view finds its sources by relative names
  std::filesystem::rename(folder.path() / "step-00000100", moved);
  for (const SampleArray& array : arrays) {
    const Hdf5Array whole = read_hdf5_array(moved / "model.h5", array.name);
    EXPECT_EQ(whole.shape, array.shape);
    EXPECT_EQ(whole.dtype, array.dtype);
    EXPECT_EQ(whole.bytes, array.bytes) << array.name;
  }
}

TEST(Checkpoint, ARankWithoutPartsWritesNoFile) {
  const TemporaryFolder folder;
  const SampleArray array = sample_array("model/w", DType::f32, {2, 4});
  expect_all_well(run_ranks(3, [&](Communicator& c) {
    save_sample(c, folder.path(), 1, {array}, {});
    EXPECT_EQ(load_sample(c, folder.path(), {array}, {}), "");
  }));
  EXPECT_EQ(inspect_checkpoint(folder.path() / "step-00000001").files.size(),
            3u);  // 2 and the view
}

}  // namespace
}  // namespace tokenwerk::test
