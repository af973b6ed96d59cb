/// A supervised run as a batch script.

#include "launch/supervisor/slurm_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tokenwerk {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SlurmScript, SavesOnItsSignalAndComesBack) {
  const std::string script = slurm_script({.nodes = 4,
                                           .ranks_per_node = 8,
                                           .gpus = true,
                                           .grace_seconds = 90,
                                           .output = "run/slurm-%j.out",
                                           .options = {"--partition=gpu"},
                                           .command = {"tokenwerk", "launch", "r.toml"}});
  for (const char* line :
       {"#!/bin/bash\n", "#SBATCH --nodes=4\n", "#SBATCH --ntasks-per-node=8\n",
        "#SBATCH --gpus-per-node=8\n", "#SBATCH --exclusive\n", "#SBATCH --signal=B:USR1@150\n",
        "#SBATCH --requeue\n", "#SBATCH --partition=gpu\n", "\ntokenwerk launch r.toml &\n",
        "scontrol requeue \"$SLURM_JOB_ID\"\n"})
    EXPECT_THAT(script, HasSubstr(line));
}

TEST(SlurmScript, QuotesWhatSlurmWouldReadAsWords) {
  const std::string script = slurm_script({.threads = 4,
                                           .output = "my run/slurm-%j.out",
                                           .options = {"--comment=two \"words\""},
                                           .command = {"tokenwerk", "launch", "my run.toml"}});
  EXPECT_THAT(script, HasSubstr("#SBATCH --output=\"my run/slurm-%j.out\"\n"));
  EXPECT_THAT(script, HasSubstr("#SBATCH --comment=\"two \\\"words\\\"\"\n"));
  EXPECT_THAT(script, HasSubstr("tokenwerk launch 'my run.toml' &\n"));
  EXPECT_THAT(script, HasSubstr("#SBATCH --cpus-per-task=4\n"));
  EXPECT_THAT(script, Not(HasSubstr("--exclusive")));
}

}  // namespace
}  // namespace tokenwerk
