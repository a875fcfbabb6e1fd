#include "emulator/exec/runtime_calls.hpp"

#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/windows.hpp"

#include <bit>
#include <cstdio>
#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

std::uint64_t argument(const Warp& warp, const CallSite& site, std::size_t index,
                       std::uint32_t lane) {
  if (index >= site.arguments.size()) {
    return 0;
  }
  const CallSite::Argument& value = site.arguments[index];
  std::uint64_t bits = 0;
  if (value.is_register) {
    const std::byte* row = warp.base[value.reference & kConstantBit] + (value.reference & ~3U);
    std::memcpy(&bits, row + std::size_t{lane} * value.width, value.width);
  } else {
    std::memcpy(&bits,
                warp.base[0] + value.variable.offset + std::size_t{lane} * value.variable.stride,
                value.variable.size_bytes < 8 ? value.variable.size_bytes : 8);
  }
  return bits;
}

// `bytes` at a generic address, for the host to read.
const char* host_pointer(Warp& warp, std::uint64_t address, std::uint64_t bytes,
                         std::uint32_t lane) {
  if (classify(address) == AddressKind::local) {
    const std::uint64_t offset = address & kWindowOffsetMask;
    if (offset + bytes > warp.local_bytes()) {
      throw FaultRaised(Fault::Kind::illegal_address, lane,
                        "printf arguments are outside local memory");
    }
    return reinterpret_cast<const char*>(warp.local_memory(lane) + offset);
  }
  warp.cta().grid().check_global(address, bytes, lane, "global read");
  return reinterpret_cast<const char*>(address);
}

std::string text_at(Warp& warp, std::uint64_t address, std::uint32_t lane) {
  std::string text;
  while (const char c = *host_pointer(warp, address + text.size(), 1, lane)) {
    text += c;
  }
  return text;
}

// One conversion of a printf format: "%-5.2lld" with the argument at `arguments + offset`.
void append_conversion(Warp& warp, std::string& out, const std::string& conversion,
                       std::uint64_t arguments, std::uint64_t& offset, std::uint32_t lane) {
  const char kind = conversion.back();
  const bool wide =
      conversion.find('l') != std::string::npos || conversion.find('z') != std::string::npos ||
      conversion.find('j') != std::string::npos || conversion.find('t') != std::string::npos;
  const bool is_real = std::strchr("aAeEfFgG", kind) != nullptr;
  const bool is_half = conversion.find('h') != std::string::npos;
  const std::uint64_t bytes = is_real || wide || kind == 's' || kind == 'p' ? 8 : 4;
  const auto next = [&](std::uint64_t size) {
    offset = (offset + size - 1) / size * size;
    std::uint64_t value = 0;
    std::memcpy(&value, host_pointer(warp, arguments + offset, size, lane), size);
    offset += size;
    return value;
  };
  std::string flags;
  for (const char c : conversion.substr(1, conversion.size() - 2)) {
    if (c == '*') {  // a width or precision of its own: an int before the value
      flags += std::to_string(static_cast<std::int32_t>(next(4)));
    } else if (std::strchr("lhzjt", c) == nullptr) {
      flags += c;
    }
  }
  std::uint64_t bits = next(bytes);
  if (is_half && !is_real && kind != 's' && kind != 'p') {
    const bool is_char = conversion.find("hh") != std::string::npos;
    const bool is_signed = kind == 'd' || kind == 'i';
    bits = is_char ? (is_signed ? static_cast<std::uint64_t>(static_cast<std::int8_t>(bits))
                                : bits & 0xffU)
                   : (is_signed ? static_cast<std::uint64_t>(static_cast<std::int16_t>(bits))
                                : bits & 0xffffU);
  }
  char buffer[512];
  const std::string prefix = "%" + flags;
  if (is_real) {
    std::snprintf(buffer, sizeof buffer, (prefix + kind).c_str(), std::bit_cast<double>(bits));
  } else if (kind == 's') {
    std::snprintf(buffer, sizeof buffer, (prefix + "s").c_str(), text_at(warp, bits, lane).c_str());
  } else if (kind == 'p') {
    std::snprintf(buffer, sizeof buffer, (prefix + "llx").c_str(),
                  static_cast<unsigned long long>(bits));
    out += "0x";
  } else if (kind == 'c') {
    std::snprintf(buffer, sizeof buffer, (prefix + "c").c_str(), static_cast<int>(bits));
  } else if (kind == 'd' || kind == 'i') {
    const auto value = wide ? static_cast<long long>(bits)
                            : static_cast<long long>(static_cast<std::int32_t>(bits));
    std::snprintf(buffer, sizeof buffer, (prefix + "lld").c_str(), value);
  } else {
    std::snprintf(buffer, sizeof buffer, (prefix + "ll" + kind).c_str(),
                  static_cast<unsigned long long>(bits));
  }
  out += buffer;
}

// The number of arguments, as printf in device code returns it; -1 for no format.
std::uint64_t print(Warp& warp, const CallSite& site, std::uint32_t lane) {
  if (argument(warp, site, 0, lane) == 0) {
    return ~std::uint64_t{0};
  }
  std::uint64_t count = 0;
  const std::string format = text_at(warp, argument(warp, site, 0, lane), lane);
  const std::uint64_t arguments = argument(warp, site, 1, lane);
  std::uint64_t offset = 0;
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    const std::size_t end = format.find_first_of("diouxXcspaAeEfFgG%", i + 1);
    if (end == std::string::npos) {
      out += format.substr(i);
      break;
    }
    if (format[end] == '%') {
      out += '%';
    } else {
      append_conversion(warp, out, format.substr(i, end - i + 1), arguments, offset, lane);
      ++count;
    }
    i = end;
  }
  if (device_services().print != nullptr) {
    device_services().print(warp.cta().grid().config.device, out);
  } else {
    std::fwrite(out.data(), 1, out.size(), stdout);
  }
  return count;
}

void store_result(const Warp& warp, const CallSite& site, std::uint32_t lane, std::uint64_t bits) {
  if (site.returns.empty()) {
    return;
  }
  const CallSite::Argument& value = site.returns.front();
  if (!value.is_register) {
    std::memcpy(warp.base[0] + value.variable.offset + std::size_t{lane} * value.variable.stride,
                &bits, value.variable.size_bytes < 8 ? value.variable.size_bytes : 8);
  } else if (value.reference != kNoRef) {
    std::memcpy(warp.base[0] + (value.reference & ~3U) + std::size_t{lane} * value.width, &bits,
                value.width);
  }
}

// One line a thread, as the CUDA programming guide shows it ("Assertion").
[[noreturn]] void fail_assertion(Warp& warp, const CallSite& site, std::uint32_t lanes) {
  const Dim3& cta = warp.cta().id();
  const Dim3& block = warp.cta().grid().config.block;
  std::string what;
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    const std::uint32_t thread = warp.index() * kWarpSize + lane;
    const std::string condition = text_at(warp, argument(warp, site, 0, lane), lane);
    const std::string file = text_at(warp, argument(warp, site, 1, lane), lane);
    const auto line = static_cast<std::uint32_t>(argument(warp, site, 2, lane));
    const std::string function = text_at(warp, argument(warp, site, 3, lane), lane);
    std::fprintf(stderr,
                 "%s:%u: %s: block: [%u,%u,%u], thread: [%u,%u,%u] Assertion `%s` failed.\n",
                 file.c_str(), line, function.c_str(), cta.x, cta.y, cta.z, thread % block.x,
                 thread / block.x % block.y, thread / block.x / block.y, condition.c_str());
    if (what.empty()) {
      what = "assertion `" + condition + "` failed in " + function + " (" + file + ":" +
             std::to_string(line) + ")";
    }
  }
  throw FaultRaised(Fault::Kind::assertion, static_cast<std::uint32_t>(std::countr_zero(lanes)),
                    what);
}

std::uint64_t call_one(Warp& warp, const CallSite& site, std::uint32_t lane) {
  const int device = warp.cta().grid().config.device;
  const DeviceServices& services = device_services();
  const std::uint64_t first = argument(warp, site, 0, lane);
  if (site.builtin == "malloc") {
    return services.allocate == nullptr
               ? 0
               : reinterpret_cast<std::uintptr_t>(services.allocate(device, first));
  }
  if (site.builtin == "free") {
    auto* address = reinterpret_cast<void*>(first);
    if (address != nullptr && (services.release == nullptr || !services.release(device, address))) {
      throw FaultRaised(Fault::Kind::illegal_address, lane,
                        "free() of an address that malloc() in device code did not return, or "
                        "that was freed before");
    }
    return 0;
  }
  const auto value = static_cast<std::uint32_t>(argument(warp, site, 1, lane));
  if (services.set_condition == nullptr || !services.set_condition(first, value)) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                      "cudaGraphSetConditional with an unknown handle");
  }
  return 0;
}

}  // namespace

DeviceServices& device_services() {
  static DeviceServices* const services = new DeviceServices;  // leaked: see Core
  return *services;
}

bool is_builtin(std::string_view name) {
  return name == "vprintf" || name == "__assertfail" || name == "malloc" || name == "free" ||
         name == "cudaGraphSetConditional";
}

void call_builtin(Warp& warp, const CallSite& site, std::uint32_t lanes) {
  warp.cta().grid().changed = true;
  if (site.builtin == "__assertfail") {
    fail_assertion(warp, site, lanes);
  }
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    if (site.builtin == "vprintf") {
      store_result(warp, site, lane, print(warp, site, lane));
    } else {
      store_result(warp, site, lane, call_one(warp, site, lane));
    }
  }
}

}  // namespace rackproof::emulator::exec
