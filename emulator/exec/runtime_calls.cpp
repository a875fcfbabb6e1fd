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
  const std::uint64_t bytes = is_real || wide || kind == 's' || kind == 'p' ? 8 : 4;
  offset = (offset + bytes - 1) / bytes * bytes;
  std::uint64_t bits = 0;
  std::memcpy(&bits, host_pointer(warp, arguments + offset, bytes, lane), bytes);
  offset += bytes;
  std::string flags;
  for (const char c : conversion.substr(1, conversion.size() - 2)) {
    if (std::strchr("lhzjt", c) == nullptr) {
      flags += c;
    }
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

void print(Warp& warp, const CallSite& site, std::uint32_t lane) {
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
    }
    i = end;
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
}

}  // namespace

bool is_builtin(std::string_view name) {
  return name == "vprintf" || name == "__assertfail";
}

void call_builtin(Warp& warp, const CallSite& site, std::uint32_t lanes) {
  if (site.builtin == "__assertfail") {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(lanes));
    throw FaultRaised(
        Fault::Kind::assertion, lane,
        "assertion `" + text_at(warp, argument(warp, site, 0, lane), lane) + "` failed in " +
            text_at(warp, argument(warp, site, 3, lane), lane) + " (" +
            text_at(warp, argument(warp, site, 1, lane), lane) + ":" +
            std::to_string(static_cast<std::uint32_t>(argument(warp, site, 2, lane))) + ")");
  }
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    print(warp, site, static_cast<std::uint32_t>(std::countr_zero(rest)));
  }
}

}  // namespace rackproof::emulator::exec
