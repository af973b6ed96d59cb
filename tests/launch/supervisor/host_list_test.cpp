/// Hosts as users and Slurm write them.

#include "launch/supervisor/host_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string fault_of_hosts(const std::string& list) {
  try {
    (void)read_hosts("--hosts", list, 2);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return {};
}

TEST(Hosts, ComeFromAListOrAFile) {
  const std::vector<Host> wanted{{"n1", 2}, {"n2", 4}};
  EXPECT_EQ(read_hosts("--hosts", "n1,n2:4", 2), wanted);
  const test::TemporaryFolder folder;
  test::write_file(folder.path() / "hosts",
                   "# the cluster\nn1\n\nn2 slots=4  # more cores\nn3\tslots=1  max_slots=8\n");
  const std::vector<Host> in_file{{"n1", 2}, {"n2", 4}, {"n3", 1}};
  EXPECT_EQ(read_hosts("--hosts", (folder.path() / "hosts").string(), 2), in_file);
}

TEST(Hosts, EveryFaultIsNamedAtOnce) {
  const std::string fault = fault_of_hosts("n1,n1,n2:x,n3:0,");
  EXPECT_THAT(fault, HasSubstr("n1 is named twice"));
  EXPECT_THAT(fault, HasSubstr("\"n2:x\": a host takes 1 to"));
  EXPECT_THAT(fault, HasSubstr("\"n3:0\": a host takes 1 to"));
  EXPECT_THAT(fault_of_hosts("no/such/file"), HasSubstr("No such file"));
  EXPECT_THAT(fault_of_hosts(","), HasSubstr("is no host"));
}

TEST(Hosts, ComeInTheShortFormOfSlurm) {
  const std::vector<Host> wanted{{"n1", 4}, {"n2", 4}, {"n7", 4}, {"m", 2}};
  EXPECT_EQ(read_hosts("--hosts", "n[1-2,7]:4,m", 2), wanted);
  EXPECT_THAT(expanded_names("gpu[08-11]-ib"),
              ElementsAre("gpu08-ib", "gpu09-ib", "gpu10-ib", "gpu11-ib"));
  for (const char* wrong : {"n[", "n]1[", "n[1-]", "n[a]", "n[3-1]", "n[1][2]", "n[1-99999999]"})
    EXPECT_THAT(expanded_names(wrong), IsEmpty()) << wrong;
}

TEST(Hosts, WhatIsNoneIsSaidToBeNone) {
  EXPECT_THAT(fault_of_hosts("hosts.txt"), HasSubstr("No such file"));
  EXPECT_THAT(fault_of_hosts("n[1-"),
              HasSubstr("is no host: a name, an IPv4 address, or names as"));
  EXPECT_THAT(fault_of_hosts("a b"), HasSubstr("a host takes 1 to"));
  EXPECT_THAT(fault_of_hosts("-n1"), HasSubstr("is no host"));
  EXPECT_THAT(fault_of_hosts("$(reboot)"), HasSubstr("is no host"));
  EXPECT_THAT(fault_of_hosts("n1,n1.cluster"), HasSubstr("n1.cluster is named twice"));
}

}  // namespace
}  // namespace tokenwerk
