#include "harness/config/error.hpp"
#include "harness/measure/communicators.hpp"
#include "harness/topology/assemble.hpp"
#include "harness/topology/codec.hpp"
#include "harness/topology/nvml.hpp"
#include "tests/unit/harness/temporary_file.hpp"

#include <gtest/gtest.h>

namespace rackproof::harness::topology {
namespace {

using testing::message_of;

constexpr const char* kDomain = "11111111-2222-3333-4444-555555555555";

RankDescription description(int rank, const std::string& chassis, int tray, int device,
                            std::uint32_t clique = 1) {
  RankDescription result;
  result.node = {"host" + std::to_string(tray), chassis, tray, tray + 10};
  result.gpu.rank = rank;
  result.gpu.device = device;
  result.gpu.name = "NVIDIA GB300";
  result.gpu.cc = {10, 3};
  result.gpu.multiprocessors = 152;
  result.gpu.free_memory_bytes = 1000U + static_cast<std::uint64_t>(rank);
  result.gpu.l2_bytes = 100U + static_cast<std::uint64_t>(rank);
  result.gpu.fabric = Fabric{FabricState::completed, kDomain, clique, decode_fabric_health(0x1aa)};
  return result;
}

RankCandidate candidate(const std::string& host, std::vector<std::string> uuids) {
  return {{host, Reported<std::string>::missing("no NVML"), Reported<int>::missing("no NVML"),
           Reported<int>::missing("no NVML")},
          std::move(uuids)};
}

TEST(AssignDevices, GivesEachRankOfANodeTheNextGpu) {
  const std::vector<std::string> a{"a0", "a1"};
  const std::vector<std::string> b{"b0", "b1"};
  const std::vector<RankCandidate> ranks{candidate("x", a), candidate("y", b), candidate("y", b),
                                         candidate("x", a)};
  EXPECT_EQ(assign_devices(ranks), (std::vector<int>{0, 0, 1, 1}));
}

TEST(AssignDevices, FollowsALauncherThatShowsEachRankItsOwnGpu) {
  const std::vector<RankCandidate> ranks{candidate("x", {"a1"}), candidate("x", {"a0"})};
  EXPECT_EQ(assign_devices(ranks), (std::vector<int>{0, 0}));
}

TEST(AssignDevices, KeepsTraysOfOneHostApart) {
  const std::vector<RankCandidate> ranks{{{"host", std::string("RACK"), 0, 1}, {"a0"}},
                                         {{"host", std::string("RACK"), 1, 2}, {"b0"}}};
  EXPECT_EQ(assign_devices(ranks), (std::vector<int>{0, 0}));
}

TEST(AssignDevices, NamesNodeAndFixWhenGpusRunOut) {
  const std::vector<RankCandidate> ranks{candidate("x", {"a0"}), candidate("x", {"a0"})};
  EXPECT_EQ(message_of<config::NotReady>([&] { static_cast<void>(assign_devices(ranks)); }),
            "rank 1 finds no free GPU on node x: 2 ranks, 1 GPUs visible; start one rank per GPU "
            "(mpirun --map-by ppr:1:node)");
  const std::vector<RankCandidate> none{candidate("x", {})};
  EXPECT_NE(message_of<config::NotReady>([&] {
              static_cast<void>(assign_devices(none));
            }).find("sees no GPU on node x"),
            std::string::npos);
}

TEST(Assemble, OrdersTraysAndDevicesWhateverTheRanks) {
  const std::vector<RankDescription> ranks{description(0, "C", 10, 1), description(1, "C", 2, 0),
                                           description(2, "C", 10, 0), description(3, "C", 2, 1)};
  const Topology topology = assemble(ranks);
  ASSERT_EQ(topology.racks.size(), 1U);
  EXPECT_EQ(topology.racks[0].id, std::string(kDomain) + ".0x1");
  ASSERT_EQ(topology.racks[0].nodes.size(), 2U);
  EXPECT_EQ(topology.racks[0].nodes[0].id, "C/tray2");
  EXPECT_EQ(topology.racks[0].nodes[1].id, "C/tray10");  // by number, not by text
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(topology.gpu(rank).rank, rank);
  }
  EXPECT_EQ(topology.node(0).id, "C/tray10");
  EXPECT_TRUE(topology.notes.empty()) << topology.notes.front();
}

TEST(Assemble, SplitsRacksByClique) {
  const Topology topology = assemble(std::vector<RankDescription>{
      description(0, "C", 0, 0, 1), description(1, "C", 1, 0, 2), description(2, "C", 2, 0, 1)});
  ASSERT_EQ(topology.racks.size(), 2U);
  EXPECT_EQ(topology.racks[0].nodes.size(), 2U);
  EXPECT_EQ(topology.racks[1].nodes.size(), 1U);
}

TEST(Assemble, ANodeWithoutACompleteFabricIsItsOwnRackAndIsNoted) {
  std::vector<RankDescription> ranks{description(0, "C", 0, 0), description(1, "C", 1, 0)};
  ranks[1].gpu.fabric = Fabric{FabricState::in_progress, "", 0, decode_fabric_health(0)};
  const Topology topology = assemble(ranks);
  ASSERT_EQ(topology.racks.size(), 2U);
  EXPECT_EQ(topology.racks[1].id, "node:C/tray1");
  EXPECT_FALSE(topology.racks[1].cluster_uuid);
  ASSERT_EQ(topology.notes.size(), 1U);
  EXPECT_NE(topology.notes[0].find("fabric in progress on C/tray1 GPU 0"), std::string::npos);
}

TEST(Assemble, NotesBadHealthAndOneNodeUnderTwoNames) {
  std::vector<RankDescription> ranks{description(0, "C", 0, 0), description(1, "C", 0, 1)};
  ranks[0].gpu.fabric = Fabric{FabricState::completed, kDomain, 1, decode_fabric_health(0x5a9)};
  ranks[1].node.host = "another";
  const Topology topology = assemble(ranks);
  ASSERT_EQ(topology.notes.size(), 3U);
  EXPECT_EQ(topology.notes[0], "NVLink bandwidth is degraded on C/tray0 GPU 0");
  EXPECT_EQ(topology.notes[1],
            "fabric configuration of C/tray0 GPU 0 is wrong: insufficient NVLinks");
  EXPECT_NE(topology.notes[2].find("2 host names"), std::string::npos);
}

TEST(Assemble, TellsTheEmulatorByItsName) {
  std::vector<RankDescription> ranks{description(0, "C", 0, 0)};
  EXPECT_EQ(assemble(ranks).backend, Backend::gpu);
  ranks[0].gpu.name = "NVIDIA GB300 (emulated)";
  EXPECT_EQ(assemble(ranks).backend, Backend::emulated);
}

TEST(SizingContext, IsWhatFitsOnEveryGpu) {
  const Topology topology = assemble(std::vector<RankDescription>{
      description(0, "C", 0, 0), description(1, "C", 0, 1), description(2, "C", 1, 0)});
  const kernels::SizingContext context = sizing_context(topology);
  EXPECT_EQ(context.memory_bytes, 1000U);
  EXPECT_EQ(context.l2_bytes, 102U);
  EXPECT_EQ(context.gpus, 3);
  EXPECT_EQ(context.gpus_per_node, 1);
  EXPECT_THROW(static_cast<void>(sizing_context(Topology{})), std::invalid_argument);
}

TEST(MembersOf, FollowsTheTopology) {
  const Topology topology = assemble(
      std::vector<RankDescription>{description(0, "C", 1, 0, 1), description(1, "C", 0, 0, 1),
                                   description(2, "C", 2, 0, 7), description(3, "C", 0, 1, 1)});
  using Groups = std::vector<std::vector<int>>;
  EXPECT_EQ(measure::members_of(topology, plan::CommunicatorScope::node),
            (Groups{{1, 3}, {0}, {2}}));
  EXPECT_EQ(measure::members_of(topology, plan::CommunicatorScope::rack), (Groups{{1, 3, 0}, {2}}));
  EXPECT_EQ(measure::members_of(topology, plan::CommunicatorScope::all), (Groups{{1, 3, 0, 2}}));
}

TEST(TopologyCodec, CarriesEverythingBetweenRanks) {
  RankDescription before = description(3, "C", 4, 1);
  before.gpu.serial = Reported<std::string>::missing("why not");
  before.driver_version = "580.1";
  const RankDescription after = decode_description(encode(before));
  EXPECT_EQ(after.gpu.serial.reason(), "why not");
  EXPECT_EQ(*after.node.tray_index, 4);
  EXPECT_EQ(after.gpu.fabric->cluster_uuid, kDomain);
  EXPECT_EQ(after.gpu.fabric->state, FabricState::completed);
  EXPECT_EQ(*after.gpu.fabric->health.incorrect_configuration, "none");
  EXPECT_EQ(*after.gpu.fabric->health.degraded_bandwidth, false);
  EXPECT_EQ(after.gpu.free_memory_bytes, before.gpu.free_memory_bytes);
  EXPECT_EQ(after.gpu.cc, before.gpu.cc);
  EXPECT_EQ(after.driver_version, "580.1");
  const RankCandidate seen = decode_candidate(encode(candidate("h", {"u0", "u1"})));
  EXPECT_EQ(seen.gpu_uuids, (std::vector<std::string>{"u0", "u1"}));
  EXPECT_EQ(seen.node.chassis_serial.reason(), "no NVML");
}

}  // namespace
}  // namespace rackproof::harness::topology
