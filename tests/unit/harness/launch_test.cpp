#include "harness/cli/launch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace rackproof::harness::cli {
namespace {

std::map<std::string, std::string> environment;
std::string lookup(const char* name) {
  return environment[name];
}

TEST(LauncherRank, IsReadFromEachLauncher) {
  environment = {};
  EXPECT_FALSE(launcher_rank(lookup));
  environment = {{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "8"}};
  EXPECT_EQ(launcher_rank(lookup)->rank, 3);
  EXPECT_EQ(launcher_rank(lookup)->size, 8);
  EXPECT_EQ(launcher_rank(lookup)->local_rank, 0);
  environment = {{"PMIX_RANK", "70"}, {"SLURM_NTASKS", "72"}, {"SLURM_LOCALID", "2"}};
  EXPECT_EQ(launcher_rank(lookup)->rank, 70);
  EXPECT_EQ(launcher_rank(lookup)->size, 72);
  EXPECT_EQ(launcher_rank(lookup)->local_rank, 2);
}

TEST(LauncherRank, ABatchScriptOfSlurmIsNoRank) {
  environment = {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "72"}};
  EXPECT_FALSE(launcher_rank(lookup));
}

TEST(LauncherRank, GarbageIsNoRank) {
  environment = {{"OMPI_COMM_WORLD_RANK", "3x"}};
  EXPECT_FALSE(launcher_rank(lookup));
}

TEST(MpirunCommand, StartsOneRankPerGpuOnThisMachine) {
  const std::vector<std::string> command =
      mpirun_command("/x/rackproof", {"run", "--seed", "2"}, 4, true, true);
  EXPECT_EQ(command.front(), "mpirun");
  const auto has = [&](const std::string& word) {
    return std::find(command.begin(), command.end(), word) != command.end();
  };
  EXPECT_TRUE(has("--allow-run-as-root"));
  EXPECT_TRUE(has("--oversubscribe"));
  EXPECT_TRUE(has("--bind-to"));
  const auto program = std::find(command.begin(), command.end(), "/x/rackproof");
  ASSERT_NE(program, command.end());
  EXPECT_EQ(*(program - 1), "4");
  EXPECT_EQ(*(program - 2), "-np");
  EXPECT_EQ(std::vector<std::string>(program + 1, command.end()),
            (std::vector<std::string>{"run", "--seed", "2"}));

  const std::vector<std::string> plain = mpirun_command("r", {}, 4, false, false);
  EXPECT_EQ(std::find(plain.begin(), plain.end(), "--allow-run-as-root"), plain.end());
  EXPECT_EQ(std::find(plain.begin(), plain.end(), "--bind-to"), plain.end());
  EXPECT_NE(std::find(plain.begin(), plain.end(), "--oversubscribe"), plain.end())
      << "Open MPI counts cores, this program threads";
}

}  // namespace
}  // namespace rackproof::harness::cli
