// The fatbin reader: any bytes are either contents or a FatbinError; nothing outside is read.
#include "emulator/fatbin/fatbin.hpp"

#include "fuzz/require.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace fatbin = rackproof::emulator::fatbin;
  // A buffer of its own, so that AddressSanitizer sees a read one past the end.
  std::vector<std::byte> image(size);
  std::copy_n(reinterpret_cast<const std::byte*>(data), size, image.begin());
  try {
    const fatbin::Contents contents = fatbin::read(std::span<const std::byte>(image));
    const fatbin::PtxEntry* const selected = fatbin::select_ptx(contents, 103);
    rackproof::fuzz::require(selected == nullptr || selected->target.architecture <= 103,
                             "a device never gets PTX of a newer architecture");
    for (const fatbin::CubinEntry& cubin : contents.cubins) {
      for (const auto& [kernel, resources] : cubin.kernels) {
        static_cast<void>(fatbin::find_resources(contents, kernel, cubin.target.architecture));
      }
    }
  } catch (const fatbin::FatbinError&) {
  }
  return 0;
}
