#include "emulator/device/rack_file.hpp"

#include "emulator/device/json_reader.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <regex>

namespace rackproof::emulator::device {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;
constexpr std::uint32_t kKiB = 1024;

std::uint32_t unsigned_integer(JsonReader& reader, std::string_view key) {
  return static_cast<std::uint32_t>(reader.integer(key, 1));
}

void read_compute_capability(JsonReader& reader, GpuModel& gpu) {
  const std::string text = reader.text("compute_capability");
  static const std::regex pattern(R"((\d{1,2})\.(\d))");
  std::smatch match;
  if (!std::regex_match(text, match, pattern)) {
    reader.fail("compute_capability", "is \"" + text + "\"", "write major.minor, as in \"10.3\"");
  }
  gpu.cc_major = std::stoi(match[1]);
  gpu.cc_minor = std::stoi(match[2]);
}

void read_rates(JsonReader reader, GpuModel& gpu) {
  gpu.fp32_flops_per_sm_clk = reader.positive_number("fp32");
  gpu.bf16_mma_flops_per_sm_clk = reader.positive_number("bf16");
  gpu.tf32_mma_flops_per_sm_clk = reader.positive_number("tf32");
  gpu.fp8_mma_flops_per_sm_clk = reader.positive_number_or_null("fp8").value_or(0);
  for (const char* key : {"fp16", "fp64"}) {
    static_cast<void>(reader.positive_number(key));
  }
  gpu.fp4_mma_flops_per_sm_clk = reader.positive_number_or_null("nvfp4").value_or(0);
  for (const char* key : {"int8", "ex2"}) {
    static_cast<void>(reader.positive_number_or_null(key));
  }
  reader.finish();
}

void check_peaks(JsonReader reader) {
  for (const char* key : {"bf16", "fp16", "tf32", "fp32", "fp64", "fp64_tensor"}) {
    static_cast<void>(reader.positive_number(key));
  }
  for (const char* key : {"nvfp4", "mxfp4", "fp6", "fp8", "int8"}) {
    static_cast<void>(reader.positive_number_or_null(key));
  }
  reader.finish();
}

GpuModel read_gpu(JsonReader reader) {
  GpuModel gpu;
  gpu.name = reader.text("name");
  read_compute_capability(reader, gpu);
  gpu.multiprocessors = reader.integer("multiprocessors", 1);
  gpu.max_sm_clock_mhz = reader.integer_or_null("max_sm_clock_mhz", 1).value_or(0);
  gpu.peak_sm_clock_mhz = reader.integer("peak_sm_clock_mhz", 1);
  gpu.memory_clock_mhz = reader.integer_or_null("memory_clock_mhz", 1).value_or(0);
  gpu.memory_bus_bits = reader.integer("memory_bus_bits", 1);
  gpu.memory_bytes = static_cast<std::uint64_t>(reader.integer("memory_mib", 1)) << 20U;
  gpu.memory_bandwidth_bytes_per_s = reader.positive_number("memory_bandwidth_tb_per_s") * 1e12;
  gpu.l2_bytes = static_cast<std::uint64_t>(reader.positive_number("l2_mib") * kMiB);
  gpu.shared_bytes_per_sm = unsigned_integer(reader, "shared_kib_per_sm") * kKiB;
  gpu.shared_bytes_per_block_optin = unsigned_integer(reader, "shared_kib_per_block_optin") * kKiB;
  gpu.registers_per_sm = unsigned_integer(reader, "registers_per_sm");
  gpu.max_threads_per_sm = unsigned_integer(reader, "max_threads_per_sm");
  gpu.max_blocks_per_sm = unsigned_integer(reader, "max_blocks_per_sm");
  gpu.tdp_w = unsigned_integer(reader, "tdp_w");
  static_cast<void>(reader.integer_or_null("tmem_kib_per_sm", 1));
  static_cast<void>(reader.positive_number_or_null("ex2_tera_per_s"));
  check_peaks(reader.object("peak_tflops"));
  read_rates(reader.object("per_sm_clk"), gpu);
  if (gpu.shared_bytes_per_block_optin > gpu.shared_bytes_per_sm) {
    reader.fail("shared_kib_per_block_optin", "is larger than shared_kib_per_sm", "correct one");
  }
  reader.finish();
  return gpu;
}

void read_shape(JsonReader reader, RackModel& rack) {
  rack.trays = reader.integer("trays", 1);
  rack.gpus_per_tray = reader.integer("gpus_per_tray", 1);
  rack.nvlink_domain_gpus = reader.integer("nvlink_domain_gpus", 1);
  const std::string domain = reader.text("nvlink_domain");
  if (domain != "rack" && domain != "node") {
    reader.fail("nvlink_domain", "is \"" + domain + "\"", "write \"rack\" or \"node\"");
  }
  const int expected = domain == "rack" ? rack.trays * rack.gpus_per_tray : rack.gpus_per_tray;
  if (rack.nvlink_domain_gpus != expected) {
    reader.fail("nvlink_domain_gpus", "is " + std::to_string(rack.nvlink_domain_gpus),
                "a " + domain + " of this file has " + std::to_string(expected) + " GPUs");
  }
  reader.ignore("trays_reason");
  static_cast<void>(reader.positive_number_or_null("max_power_kw"));
  reader.finish();
}

template <typename T>
void require_one_each(JsonReader& reader, std::string_view key, const std::vector<T>& values,
                      const RackModel& rack) {
  if (values.size() != static_cast<std::size_t>(rack.gpus_per_tray)) {
    reader.fail(key, "has " + std::to_string(values.size()) + " entries",
                "write one for each of the " + std::to_string(rack.gpus_per_tray) + " GPUs");
  }
}

void read_node(JsonReader reader, RackModel& rack) {
  std::vector<int> numbered_modules;
  std::vector<std::string> numbered_addresses;
  for (int i = 0; i < rack.gpus_per_tray; ++i) {
    char address[16];
    std::snprintf(address, sizeof address, "0000:%02x:00.0", static_cast<unsigned>(i + 1) & 0xffU);
    numbered_modules.push_back(i + 1);
    numbered_addresses.emplace_back(address);
  }
  rack.module_ids = reader.integers_or_null("module_ids").value_or(numbered_modules);
  require_one_each(reader, "module_ids", rack.module_ids, rack);
  rack.pci_bus_ids = reader.texts_or_null("pci_bus_ids").value_or(numbered_addresses);
  require_one_each(reader, "pci_bus_ids", rack.pci_bus_ids, rack);
  static const std::regex pattern("[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]");
  for (const std::string& address : rack.pci_bus_ids) {
    if (!std::regex_match(address, pattern)) {
      reader.fail("pci_bus_ids", "holds \"" + address + "\"", "write them like \"0008:06:00.0\"");
    }
  }
  JsonReader link = reader.object("host_link");
  rack.host_link_is_c2c = link.text("kind") == "nvlink-c2c";
  rack.host_link_bytes_per_s = link.positive_number("gb_per_s_per_direction") * 1e9;
  link.finish();
  for (const char* key : {"cpus", "cpu_cores", "cpu_architecture", "gpu_numa_nodes", "nics"}) {
    reader.ignore(key);
  }
  reader.finish();
}

void read_nvlink(JsonReader reader, RackModel& rack) {
  rack.nvlink_generation = reader.integer("generation", 1);
  rack.nvlink_links = reader.integer("links", 1);
  rack.nvlink_bytes_per_s_per_link =
      reader.positive_number("gb_per_s_per_link_per_direction") * 1e9;
  rack.nvlink_raw_mb_per_s_per_link =
      reader.integer_or_null("raw_mb_per_s_per_link", 1).value_or(0);
  JsonReader fabric = reader.object("fabric");
  const std::string state = fabric.text("state");
  if (state != "completed" && state != "not_supported") {
    fabric.fail("state", "is \"" + state + "\"", "write \"completed\" or \"not_supported\"");
  }
  rack.fabric_manager = state == "completed";
  rack.clique_id = static_cast<std::uint32_t>(fabric.integer_or_null("clique_id", 0).value_or(0));
  fabric.finish();
  reader.finish();
}

nlohmann::json parse(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) {
    throw RackFileError(file.string() + ": cannot be read; check the path and its permissions");
  }
  try {
    return nlohmann::json::parse(stream);
  } catch (const nlohmann::json::parse_error& error) {
    const std::string what = error.what();
    const auto place = what.find("parse error");
    throw RackFileError(file.string() + ": " + what.substr(place == std::string::npos ? 0 : place) +
                        "; correct the JSON there");
  } catch (const nlohmann::json::out_of_range& error) {
    throw RackFileError(file.string() + ": holds a number that no double holds (" + error.what() +
                        "); correct it");
  }
}

}  // namespace

RackModel load_rack_file(const std::filesystem::path& file) {
  const nlohmann::json document = parse(file);
  JsonReader reader(document, file.string(), "");
  RackModel rack;
  const std::string version = reader.text("schema_version");
  if (version != "1.0") {
    reader.fail("schema_version", "is \"" + version + "\"", "this build reads \"1.0\"");
  }
  rack.id = reader.text("id");
  rack.name = reader.text("name");
  read_shape(reader.object("rack"), rack);
  rack.gpu = read_gpu(reader.object("gpu"));
  read_node(reader.object("node"), rack);
  read_nvlink(reader.object("nvlink"), rack);
  reader.ignore("sources");
  reader.ignore("null_reasons");
  if (document.contains("$schema")) {
    reader.ignore("$schema");
  }
  reader.finish();
  return rack;
}

}  // namespace rackproof::emulator::device
