/// Lists of hosts to leave out.

#include "launch/supervisor/exclude_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string fault_of(const std::string& list) {
  try {
    (void)read_exclusions(list);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return {};
}

TEST(ExcludeList, ReadsWhatItHasWritten) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "exclude.txt";
  const std::vector<Exclusion> list{{"n3", "matrix product 61 % of the median"}, {"n7", ""}};
  write_exclusions(file, list, {"n1, both left in: link to n2"});
  EXPECT_EQ(read_exclusions(file.string()), list);
  EXPECT_THAT(read_remarks(file), ElementsAre("n1, both left in: link to n2"));
  write_exclusions(file, {});
  EXPECT_THAT(read_exclusions(file.string()), IsEmpty());
  EXPECT_THAT(read_remarks(file), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".partial"));
}

TEST(ExcludeList, MayBeGivenInPlace) {
  const std::vector<Exclusion> wanted{{"n3", "given by --exclude"}, {"n7", "given by --exclude"}};
  EXPECT_EQ(read_exclusions("n3, n7,n3"), wanted);
}

TEST(ExcludeList, EveryFaultIsNamedAtOnce) {
  const std::string fault = fault_of("n1,,n2:4,a b");
  EXPECT_THAT(fault, HasSubstr("\"\" is no host"));
  EXPECT_THAT(fault, HasSubstr("\"n2:4\" is no host"));
  EXPECT_THAT(fault, HasSubstr("\"a b\" is no host"));
  EXPECT_THAT(fault_of("no/such/file"), HasSubstr("No such file"));
  const test::TemporaryFolder folder;
  EXPECT_THAT(fault_of(folder.path().string()), HasSubstr("--exclude"));
  EXPECT_THROW(write_exclusions(folder.path() / "no" / "list", {}), DataError);
}

TEST(ExcludeList, LeavesOutHostsByShortOrLongName) {
  const std::vector<Host> hosts{{"n1", 2}, {"n2.cluster", 2}, {"n20", 2}};
  const std::vector<Exclusion> list{{"n2", ""}, {"n1.cluster", ""}, {"n9", ""}};
  EXPECT_THAT(without(hosts, list), ElementsAre(Host{"n20", 2}));
  EXPECT_THAT(strangers(list, hosts), ElementsAre(Exclusion{"n9", ""}));
}

}  // namespace
}  // namespace tokenwerk
