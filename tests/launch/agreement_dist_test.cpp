/// How ranks end together when something fails on one of them, or on all.

#include "launch/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "core/host_name.h"
#include "launch/exit_code.h"
#include "parallel/comm/control.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  ExitCode code = ExitCode::done;
  std::string message;
};

Outcome outcome_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const SharedError& error) {
    return {error.code, error.what()};
  }
  return {};
}

template <typename E>
void fail_on(int rank, const E& error) {
  if (test::environment().rank() == rank) throw error;
}

struct Agreement : testing::Test {
  test::ControlWorld ranks;
  const int last = test::environment().size() - 1;
  const std::string from_last = fmt::format("rank {} host {}: ", last, host_name());

  Outcome agreed(const std::function<void()>& work) {
    return outcome_of([&] { agree(*ranks.comm, work); });
  }
};

TEST_F(Agreement, GivesAllRanksTheFaultOfOne) {
  const Outcome outcome = agreed([&] { fail_on(last, DataError("no text", "")); });
  EXPECT_EQ(outcome.code, ExitCode::wrong_data);
  EXPECT_THAT(outcome.message, testing::HasSubstr("no text"));
  EXPECT_EQ(agreed([] {}).code, ExitCode::done);
}

TEST_F(Agreement, NamesRankAndHostOfWhatCannotBeRead) {
  Outcome outcome = agreed([&] { fail_on(last, UnreadableError("x: no answer", "")); });
  EXPECT_EQ(outcome.code, ExitCode::wrong_machine);
  EXPECT_EQ(outcome.message, from_last + "x: no answer");

  const auto stale = std::make_error_code(std::errc::io_error);
  outcome = agreed([&] { fail_on(last, fs::filesystem_error("looking", stale)); });
  EXPECT_EQ(outcome.code, ExitCode::wrong_machine);
  EXPECT_THAT(outcome.message, testing::StartsWith(from_last));

  const auto missing = std::make_error_code(std::errc::no_such_file_or_directory);
  outcome = agreed([&] { fail_on(last, fs::filesystem_error("looking", missing)); });
  EXPECT_EQ(outcome.code, ExitCode::wrong_data);
}

TEST_F(Agreement, OfTheFirstRankNamesItsHostToo) {
  const Outcome outcome = outcome_of(
      [&] { agree_with_first(*ranks.comm, [] { throw UnreadableError("x: no answer", ""); }); });
  EXPECT_EQ(outcome.code, ExitCode::wrong_machine);
  EXPECT_EQ(outcome.message, fmt::format("rank 0 host {}: x: no answer", host_name()));
}

TEST_F(Agreement, OnWhatIsCommonLetsTheErrorOfOneDeviceThrough) {
  const auto common = [&](const std::function<void()>& work) {
    return outcome_of([&] { agree_on_common(*ranks.comm, work); });
  };
  EXPECT_EQ(common([] { throw CheckpointError("of another model", ""); }).code,
            ExitCode::wrong_data);
  EXPECT_EQ(common([] { throw UnreadableError("rank 0 host n1: x", ""); }).message,
            "rank 0 host n1: x");
  // The others are still at work, so that one that fails asks nobody.
  EXPECT_THROW(agree_on_common(*ranks.comm, [] { throw DeviceError("fell off the bus", ""); }),
               DeviceError);
}

}  // namespace
}  // namespace tokenwerk
