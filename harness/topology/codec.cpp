#include "harness/topology/codec.hpp"

#include "harness/ranks/message.hpp"

#include <string>

namespace rackproof::harness::topology {
namespace {

using Json = nlohmann::json;
using ranks::pack;
using ranks::unpack;

template <typename T>
Json to_json_value(const T& value) {
  return value;
}
Json to_json_value(const Fabric& fabric);

template <typename T>
Json write(const Reported<T>& reported) {
  return reported ? Json{{"value", to_json_value(*reported)}} : Json{{"reason", reported.reason()}};
}

Json to_json_value(const Fabric& fabric) {
  return {{"state", static_cast<int>(fabric.state)},
          {"cluster_uuid", fabric.cluster_uuid},
          {"clique_id", fabric.clique_id},
          {"degraded_bandwidth", write(fabric.health.degraded_bandwidth)},
          {"route_recovery", write(fabric.health.route_recovery)},
          {"route_unhealthy", write(fabric.health.route_unhealthy)},
          {"access_timeout_recovery", write(fabric.health.access_timeout_recovery)},
          {"incorrect_configuration", write(fabric.health.incorrect_configuration)}};
}

template <typename T>
void read_value(const Json& json, T& value) {
  json.get_to(value);
}
void read_value(const Json& json, Fabric& fabric);

template <typename T>
void read(const Json& json, Reported<T>& reported) {
  if (!json.contains("value")) {
    reported = Reported<T>::missing(json.at("reason").get<std::string>());
    return;
  }
  T value{};
  read_value(json.at("value"), value);
  reported = std::move(value);
}

void read_value(const Json& json, Fabric& fabric) {
  fabric.state = static_cast<FabricState>(json.at("state").get<int>());
  json.at("cluster_uuid").get_to(fabric.cluster_uuid);
  json.at("clique_id").get_to(fabric.clique_id);
  read(json.at("degraded_bandwidth"), fabric.health.degraded_bandwidth);
  read(json.at("route_recovery"), fabric.health.route_recovery);
  read(json.at("route_unhealthy"), fabric.health.route_unhealthy);
  read(json.at("access_timeout_recovery"), fabric.health.access_timeout_recovery);
  read(json.at("incorrect_configuration"), fabric.health.incorrect_configuration);
}

Json write(const NodeIdentity& node) {
  return {{"host", node.host},
          {"chassis_serial", write(node.chassis_serial)},
          {"tray_index", write(node.tray_index)},
          {"slot_number", write(node.slot_number)}};
}

NodeIdentity read_node(const Json& json) {
  NodeIdentity node;
  json.at("host").get_to(node.host);
  read(json.at("chassis_serial"), node.chassis_serial);
  read(json.at("tray_index"), node.tray_index);
  read(json.at("slot_number"), node.slot_number);
  return node;
}

Json write(const Gpu& gpu) {
  return {{"rank", gpu.rank},
          {"device", gpu.device},
          {"name", gpu.name},
          {"uuid", gpu.uuid},
          {"pci_bus_id", gpu.pci_bus_id},
          {"serial", write(gpu.serial)},
          {"module_id", write(gpu.module_id)},
          {"cc_major", gpu.cc.major},
          {"cc_minor", gpu.cc.minor},
          {"multiprocessors", gpu.multiprocessors},
          {"memory_bytes", gpu.memory_bytes},
          {"free_memory_bytes", gpu.free_memory_bytes},
          {"l2_bytes", gpu.l2_bytes},
          {"shared_memory_per_block_bytes", gpu.shared_memory_per_block_bytes},
          {"max_sm_clock_mhz", write(gpu.max_sm_clock_mhz)},
          {"memory_clock_mhz", write(gpu.memory_clock_mhz)},
          {"fabric", write(gpu.fabric)}};
}

Gpu read_gpu(const Json& json) {
  Gpu gpu;
  json.at("rank").get_to(gpu.rank);
  json.at("device").get_to(gpu.device);
  json.at("name").get_to(gpu.name);
  json.at("uuid").get_to(gpu.uuid);
  json.at("pci_bus_id").get_to(gpu.pci_bus_id);
  read(json.at("serial"), gpu.serial);
  read(json.at("module_id"), gpu.module_id);
  json.at("cc_major").get_to(gpu.cc.major);
  json.at("cc_minor").get_to(gpu.cc.minor);
  json.at("multiprocessors").get_to(gpu.multiprocessors);
  json.at("memory_bytes").get_to(gpu.memory_bytes);
  json.at("free_memory_bytes").get_to(gpu.free_memory_bytes);
  json.at("l2_bytes").get_to(gpu.l2_bytes);
  json.at("shared_memory_per_block_bytes").get_to(gpu.shared_memory_per_block_bytes);
  read(json.at("max_sm_clock_mhz"), gpu.max_sm_clock_mhz);
  read(json.at("memory_clock_mhz"), gpu.memory_clock_mhz);
  read(json.at("fabric"), gpu.fabric);
  return gpu;
}

constexpr const char* kDescription = "a rank's description of itself";

}  // namespace

std::vector<std::byte> encode(const RankCandidate& candidate) {
  return pack({{"node", write(candidate.node)}, {"gpu_uuids", candidate.gpu_uuids}});
}

std::vector<std::byte> encode(const RankDescription& description) {
  return pack({{"node", write(description.node)},
               {"gpu", write(description.gpu)},
               {"driver_version", description.driver_version}});
}

RankCandidate decode_candidate(std::span<const std::byte> bytes) {
  return unpack(bytes, kDescription, [](const Json& json) {
    RankCandidate candidate;
    candidate.node = read_node(json.at("node"));
    json.at("gpu_uuids").get_to(candidate.gpu_uuids);
    return candidate;
  });
}

RankDescription decode_description(std::span<const std::byte> bytes) {
  return unpack(bytes, kDescription, [](const Json& json) {
    RankDescription description;
    description.node = read_node(json.at("node"));
    description.gpu = read_gpu(json.at("gpu"));
    json.at("driver_version").get_to(description.driver_version);
    return description;
  });
}

}  // namespace rackproof::harness::topology
