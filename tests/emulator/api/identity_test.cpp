// Serials and UUIDs: stable, distinct, marked.

#include "emulator/device/identity.hpp"

#include "emulator/device/rack_file.hpp"

#include <gtest/gtest.h>

#include <set>

namespace rackproof::emulator::device {
namespace {

RackModel rack(const std::string& name) {
  return load_rack_file(std::string(RACKPROOF_SOURCE_DIR "/configs/racks/") + name + ".json");
}

TEST(Identity, EveryGpuOfTheRackIsDistinctAndMarked) {
  const RackModel gb300 = rack("gb300-nvl72");
  std::set<std::string> uuids;
  std::set<std::string> boards;
  for (int tray = 0; tray < gb300.trays; ++tray) {
    for (int gpu = 0; gpu < gb300.gpus_per_tray; ++gpu) {
      const GpuIdentity identity = identify(gb300, tray, gpu);
      uuids.insert(identity.uuid_text);
      boards.insert(identity.serial);
      EXPECT_TRUE(identity.uuid_text.starts_with("GPU-656d756c-")) << identity.uuid_text;
      EXPECT_EQ(identity.uuid_text.size(), 40U);
      EXPECT_TRUE(identity.serial.starts_with("EMU-"));
      EXPECT_TRUE(identity.name.ends_with(" (emulated)"));
    }
  }
  EXPECT_EQ(uuids.size(), 72U);
  // Two GPUs of a superchip share one board serial.
  EXPECT_EQ(boards.size(), 36U);
  EXPECT_EQ(identify(gb300, 0, 0).serial, identify(gb300, 0, 1).serial);
}

TEST(Identity, NvlinkDomainIsTheRackOrTheNode) {
  EXPECT_EQ(cluster_uuid(rack("gb300-nvl72"), 0), cluster_uuid(rack("gb300-nvl72"), 17));
  EXPECT_NE(cluster_uuid(rack("dgx-h100"), 0), cluster_uuid(rack("dgx-h100"), 1));
}

TEST(Identity, VisibleDevicesStopAtTheFirstUnknown) {
  const RackModel gb300 = rack("gb300-nvl72");
  EXPECT_EQ(visible_devices(gb300, 0, {"2", "0"}), (std::vector<int>{2, 0}));
  EXPECT_EQ(visible_devices(gb300, 0, {"1", "9", "0"}), (std::vector<int>{1}));
  EXPECT_EQ(visible_devices(gb300, 0, {identify(gb300, 0, 3).uuid_text}), (std::vector<int>{3}));
  EXPECT_TRUE(visible_devices(gb300, 0, {""}).empty());
}

}  // namespace
}  // namespace rackproof::emulator::device
