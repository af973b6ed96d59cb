/// Saving beside training: what is written, when, and what happens when it fails.

#include "launch/checkpoint_saver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <thread>

#include "core/log.h"
#include "launch/local_folder.h"
#include "launch/save_interval.h"
#include "parallel/comm/self_communicator.h"
#include "tests/support/forked_child.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;

/// One rank with one array and a saver.
struct OneRank {
  explicit OneRank(StepInterval every = {10}, double mtbf_hours = 1.0, int ranks_on_host = 1,
                   Index elements = 1000)
      : array(*device, DType::f32, Shape{elements}) {
    recipe.log.directory = folder.path();
    recipe.checkpoint = {.directory = folder / "checkpoints",
                         .every = every,
                         .mtbf_hours = mtbf_hours,
                         .async = true,
                         .keep = 0};
    saver.emplace(recipe.checkpoint, self, ranks_on_host, log.emplace(recipe, 1, std::nullopt),
                  std::nullopt);
  }
  /// Keeps local generations too, so often.
  void keep(StepInterval local_every) {
    recipe.checkpoint.local = folder / "disk";
    recipe.checkpoint.local_every = local_every;
    fs::create_directory(folder / "checkpoints");
    auto tier = open_local_tier(self, "h1", recipe);
    EXPECT_EQ(begin_local_session(*tier, folder / "checkpoints", 0), "");
    saver.emplace(recipe.checkpoint, self, 1, *log, std::nullopt, tier);
  }
  void fill(float value) const {
    std::fill_n(array.view().as<float>(), array.view().count(), value);
  }
  [[nodiscard]] Savable at(Index step) const {
    return {step, {{"model/w", array.shape(), Box::whole(array.shape()), array}}, "{}"};
  }
  [[nodiscard]] fs::path checkpoint(Index step) const {
    return folder / fmt::format("checkpoints/step-{:08}", step);
  }
  [[nodiscard]] bool is_sound(Index step) const {
    return fs::exists(checkpoint(step)) && verify_checkpoint(checkpoint(step)).empty();
  }

  test::TemporaryFolder folder;
  std::unique_ptr<Device> device = make_device(DeviceKind::cpu);
  SelfCommunicator self{Axis::world, *device};
  Tensor array;
  Recipe recipe;
  std::optional<RunLog> log;
  std::optional<CheckpointSaver> saver;
};

TEST(CheckpointSaver, WritesWhatTheArraysHeldThoughTheyChangeMeanwhile) {
  const Index elements = Index{1} << 24;
  OneRank rank({10}, 1.0, 1, elements);
  for (const Index step : {10, 20}) {
    rank.fill(static_cast<float>(step));
    rank.saver->save(rank.at(step));
    rank.saver->wait_for_copy();
    rank.fill(-1.0f);
  }
  rank.saver->wait();
  for (const Index step : {10, 20}) {
    const Tensor read(*rank.device, DType::f32, Shape{elements});
    const ArrayTarget target{"model/w", read.shape(), Box::whole(read.shape()), read};
    (void)load_checkpoint(rank.self, rank.checkpoint(step), {&target, 1});
    const auto* first = read.view().as<float>();
    EXPECT_TRUE(std::all_of(first, first + elements, [&](float x) {
      return x == static_cast<float>(step);
    })) << step;
  }
}

TEST(CheckpointSaver, ReturnsBeforeTheCheckpointIsThereAndAdvancesToIt) {
  OneRank rank;
  rank.saver->save(rank.at(10));
  EXPECT_FALSE(rank.is_sound(10));  // it appears when the ranks have met, not before
  while (!rank.is_sound(10)) (void)rank.saver->advance(11, rank.saver->flags(11));
  EXPECT_TRUE(rank.saver->finish(rank.at(10)));
}

TEST(CheckpointSaver, SavesWhileTrainingWaitsWhereMemoryIsShortForACopy) {
  OneRank rank({10}, 1.0, 1 << 30);
  rank.saver->save(rank.at(10));
  EXPECT_TRUE(rank.is_sound(10));
  EXPECT_LT(rank.device->memory().peak, 2 * rank.array.bytes());
}

TEST(CheckpointSaver, TakesMemoryForItsCopyOnce) {
  OneRank rank;
  rank.saver->save(rank.at(10));
  const std::size_t peak = rank.device->memory().peak;
  for (const Index step : {20, 30}) rank.saver->save(rank.at(step));
  rank.saver->wait();
  EXPECT_EQ(rank.device->memory().peak, peak);
}

TEST(CheckpointSaver, GoesOnWhenASaveFailsAndTriesAgain) {
  OneRank rank;
  const fs::path checkpoints = rank.folder / "checkpoints";
  test::write_file(checkpoints, "in the way");
  rank.saver->save(rank.at(10));
  rank.saver->wait();
  EXPECT_FALSE(rank.saver->finish(rank.at(15)));
  fs::remove(checkpoints);
  rank.saver->save(rank.at(20));
  std::error_code ignored;
  fs::remove_all(checkpoints / "step-00000020.writing", ignored);  // somebody tidies up
  rank.saver->wait();
  EXPECT_TRUE(rank.saver->finish(rank.at(20)));
  EXPECT_TRUE(rank.is_sound(20));
}

/// A GPU that fell off its bus.
class LostDevice final : public Device {
 public:
  explicit LostDevice(Device& host) : host_(host) {}
  [[nodiscard]] DeviceKind kind() const override { return DeviceKind::cuda; }
  [[nodiscard]] DeviceFacts facts() const override { return host_.facts(); }
  [[nodiscard]] std::unique_ptr<Stream> make_stream() override { return host_.make_stream(); }
  [[nodiscard]] const Operations& operations() const override { return host_.operations(); }
  [[nodiscard]] void* allocate(std::size_t bytes) override { return host_.allocate(bytes); }
  void release(void* data, std::size_t bytes) noexcept override { host_.release(data, bytes); }
  void copy_from_host(Stream&, void*, const void*, std::size_t) override { fail(); }
  void copy_to_host(Stream&, void*, const void*, std::size_t) override { fail(); }
  void copy(Stream&, void*, const void*, std::size_t) override { fail(); }
  void synchronize() override { fail(); }
  [[nodiscard]] MemoryStatistics memory() const override { return host_.memory(); }
  void reset_peak() override {}

 private:
  [[noreturn]] static void fail() { TW_RAISE(DeviceError, "no answer"); }
  Device& host_;
};

TEST(CheckpointSaver, PublishesNothingOfWhatADeviceCouldNotGive) {
  OneRank rank;
  LostDevice lost(*rank.device);
  Savable there = rank.at(10);
  there.parts[0].value.device = &lost;
  EXPECT_THROW(rank.saver->save(there), DeviceError);
  rank.saver->wait();
  EXPECT_FALSE(fs::exists(rank.checkpoint(10)));
  rank.saver->save(rank.at(20));
  EXPECT_TRUE(rank.saver->finish(rank.at(20)));
  EXPECT_TRUE(rank.is_sound(20));
}

TEST(CheckpointSaver, IsDueEverySoManySteps) {
  const OneRank rank({10});
  EXPECT_FALSE(rank.saver->flags(9).save);
  EXPECT_TRUE(rank.saver->flags(10).save);
  EXPECT_FALSE(OneRank({0}).saver->flags(10).save);
}

TEST(CheckpointSaver, IsDueByTimeWhenItIsLeftToTheCost) {
  EXPECT_FALSE(OneRank({}, 1e6).saver->flags(10).save);
  EXPECT_TRUE(OneRank({}, 1e-30).saver->flags(10).save);
}

TEST(CheckpointSaver, KeepsNoLocalGenerationWhileACheckpointIsWrittenFromTheCopy) {
  for (const StepInterval every : {StepInterval{}, StepInterval{5}}) {
    OneRank rank({10}, 1e-30);  // by its cost a generation is due after every step
    rank.keep(every);
    rank.saver->save(rank.at(10));
    for (const Index step : {15, 20}) {  // a slow disk, as some other rank says
      StepFlags of_any = rank.saver->flags(step);
      EXPECT_TRUE(of_any.save_local);
      of_any.save = false;
      of_any.writing = true;
      EXPECT_FALSE(rank.saver->advance(step, of_any).due());
    }
    rank.saver->wait_for_copy();
    EXPECT_TRUE(rank.saver->advance(25, {.save_local = true}).save_local);  // its shard is there
    rank.saver->save(rank.at(25), {.save_local = true});
    EXPECT_EQ(rank.saver->flags(26).save_local, false);  // it is under way
    rank.saver->wait();
    EXPECT_TRUE(rank.is_sound(10));
    EXPECT_EQ(list_generations(rank.saver->local_tier()->folder).size(), 1u);
  }
}

/// Standard error that takes not one byte more until it is opened.
class ClosedConsole {
 public:
  ClosedConsole() {
    EXPECT_EQ(pipe2(ends_, O_NONBLOCK), 0);
    const char block[4096] = {};
    while (write(ends_[1], block, sizeof block) > 0) continue;
    EXPECT_EQ(fcntl(ends_[1], F_SETFL, 0), 0);
    EXPECT_GE(dup2(ends_[1], STDERR_FILENO), 0);
  }
  ClosedConsole(const ClosedConsole&) = delete;
  ClosedConsole& operator=(const ClosedConsole&) = delete;
  void open() const {
    char block[4096];
    while (read(ends_[0], block, sizeof block) > 0) continue;
  }

 private:
  int ends_[2] = {};
};

/// Rank 0 is held up in pruning, where it wants to tell what it removes.
int keep_a_generation_while_rank_0_publishes() {
  OneRank rank;
  rank.recipe.checkpoint.keep = 1;
  rank.keep({5});
  open_log(0, "");
  rank.saver->save(rank.at(10));
  rank.saver->wait_for_copy();
  fs::create_directory(rank.folder / "checkpoints/step-00000003.removing");
  while (rank.saver->flags(11).writing) continue;
  const ClosedConsole console;
  (void)rank.saver->advance(11, {});  // publishes from now on
  rank.fill(25.0f);
  const StepFlags due = rank.saver->advance(25, {.writing = true, .save_local = true});
  EXPECT_TRUE(due.save_local);
  rank.saver->save(rank.at(25), due);
  auto copied = std::async(std::launch::async, [&] { rank.saver->wait_for_copy(); });
  EXPECT_EQ(copied.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  EXPECT_TRUE(rank.saver->flags(26).writing);
  console.open();
  copied.get();
  rank.saver->wait();
  EXPECT_TRUE(rank.is_sound(10));
  EXPECT_EQ(list_generations(rank.saver->local_tier()->folder).size(), 1u);
  return testing::Test::HasFailure() ? 2 : 0;
}

TEST(CheckpointSaver, WaitsForNoCopyBehindWhatRank0Publishes) {
  EXPECT_EQ(test::exit_status(test::in_child(keep_a_generation_while_rank_0_publishes)), 0);
}

/// The thread that writes cannot list folders, the one that trains can.
int save_where_older_ones_cannot_be_listed() {
  OneRank rank;
  rank.recipe.checkpoint.keep = 1;
  bool refused = false;
  std::thread([&] {
    refused = test::refuse({SYS_getdents64, EIO, {}});
    rank.saver.emplace(rank.recipe.checkpoint, rank.self, 1, *rank.log, std::nullopt);
  }).join();
  if (!refused) return 1;
  for (const Index step : {10, 20}) {
    rank.saver->save(rank.at(step));
    rank.saver->wait();
    EXPECT_TRUE(rank.is_sound(step));
  }
  EXPECT_TRUE(rank.saver->finish(rank.at(20)));
  EXPECT_TRUE(fs::exists(rank.checkpoint(10)));
  return testing::Test::HasFailure() ? 2 : 0;
}

TEST(CheckpointSaver, GoesOnThoughOlderCheckpointsCannotBeListed) {
  EXPECT_EQ(test::exit_status(test::in_child(save_where_older_ones_cannot_be_listed)), 0);
}

TEST(SaveInterval, IsYoungsFirstOrderOne) {
  EXPECT_DOUBLE_EQ(save_interval_seconds(2.0, 100.0), 1200.0);
  EXPECT_DOUBLE_EQ(save_interval_seconds(0.5, 100.0), 600.0);
  EXPECT_NEAR(default_mtbf_hours(16384) * 419.0, 54 * 24.0, 0.02 * 54 * 24);
}

}  // namespace
}  // namespace tokenwerk
