#include "emulator/device/identity.hpp"

#include <charconv>
#include <cstdio>
#include <string_view>

namespace rackproof::emulator::device {
namespace {

// FNV-1a (Fowler, Noll, Vo): stable over platforms, which std::hash is not.
std::uint64_t hash(std::string_view text, std::uint64_t seed) {
  std::uint64_t value = 0xcbf29ce484222325ULL ^ seed;
  for (const char c : text) {
    value = (value ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  }
  return value;
}

std::array<std::uint8_t, 16> marked_uuid(const std::string& text) {
  const std::uint64_t low = hash(text, 1);
  const std::uint64_t high = hash(text, 2);
  std::array<std::uint8_t, 16> uuid{'e', 'm', 'u', 'l'};
  for (std::size_t i = 4; i < uuid.size(); ++i) {
    uuid[i] = static_cast<std::uint8_t>((i < 12 ? low >> (8 * (i - 4)) : high >> (8 * (i - 12))));
  }
  return uuid;
}

std::string serial(const char* prefix, const std::string& text) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "%s%010llX", prefix,
                static_cast<unsigned long long>(hash(text, 3) & 0xffffffffffULL));
  return buffer;
}

std::string format_uuid(const std::array<std::uint8_t, 16>& uuid) {
  std::string text = "GPU-";
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    char byte[4];
    const bool is_group = i == 4 || i == 6 || i == 8 || i == 10;
    std::snprintf(byte, sizeof byte, "%s%02x", is_group ? "-" : "", unsigned{uuid[i]});
    text += byte;
  }
  return text;
}

}  // namespace

GpuIdentity identify(const RackModel& rack, int tray, int index_in_tray) {
  const auto index = static_cast<std::size_t>(index_in_tray);
  GpuIdentity identity;
  identity.index_in_tray = index_in_tray;
  identity.name = rack.gpu.name + " (emulated)";
  identity.module_id = rack.module_ids.at(index);
  identity.pci_bus_id = rack.pci_bus_ids.at(index);
  const std::string tray_name = rack.id + "/tray" + std::to_string(tray);
  identity.uuid = marked_uuid(tray_name + "/module" + std::to_string(identity.module_id));
  identity.uuid_text = format_uuid(identity.uuid);
  // A superchip board carries two GPUs on Grace systems; elsewhere each GPU is a board.
  const int board = rack.host_link_is_c2c ? (identity.module_id - 1) / 2 : identity.module_id;
  identity.serial = serial("EMU-", tray_name + "/board" + std::to_string(board));
  std::sscanf(identity.pci_bus_id.c_str(), "%x:%x:%x", &identity.pci_domain, &identity.pci_bus,
              &identity.pci_device);
  return identity;
}

std::string chassis_serial(const RackModel& rack) {
  return serial("EMU-", rack.id + "/chassis");
}

std::array<std::uint8_t, 16> cluster_uuid(const RackModel& rack, int tray) {
  const bool spans_rack = rack.nvlink_domain_gpus > rack.gpus_per_tray;
  return marked_uuid(rack.id + "/nvlink" + (spans_rack ? "" : "/tray" + std::to_string(tray)));
}

std::vector<int> visible_devices(const RackModel& rack, int tray,
                                 const std::vector<std::string>& entries) {
  std::vector<int> visible;
  for (const std::string& entry : entries) {
    int found = -1;
    int number = 0;
    const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), number);
    if (error == std::errc{} && end == entry.data() + entry.size()) {
      found = number >= 0 && number < rack.gpus_per_tray ? number : -1;
    } else if (entry.starts_with("GPU-")) {
      for (int i = 0; i < rack.gpus_per_tray; ++i) {
        found = identify(rack, tray, i).uuid_text.starts_with(entry) ? i : found;
      }
    }
    if (found < 0) {
      break;
    }
    visible.push_back(found);
  }
  return visible;
}

}  // namespace rackproof::emulator::device
