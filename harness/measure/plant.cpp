#include "harness/measure/plant.hpp"

#include "harness/config/error.hpp"
#include "runtime/error.hpp"

#include <charconv>
#include <vector>

namespace rackproof::harness::measure {

Plant Plant::parse(const std::string& text) {
  Plant plant;
  std::string pattern = text;
  if (const std::size_t at = text.rfind('@'); at != std::string::npos) {
    int rank = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + at + 1, end, rank);
    if (parsed.ec != std::errc{} || parsed.ptr != end || rank < 0) {
      throw config::ConfigError(
          "--plant", "after '@' comes a rank from 0, found \"" + text.substr(at + 1) + "\"");
    }
    plant.rank_ = rank;
    pattern.resize(at);
  }
  try {
    plant.benchmark_ = std::regex(pattern);
  } catch (const std::regex_error& error) {
    throw config::ConfigError(
        "--plant", "\"" + pattern + "\" is not a regular expression (" + error.what() + ")");
  }
  return plant;
}

bool Plant::applies(const std::string& benchmark, int rank) const {
  return (!rank_ || *rank_ == rank) && std::regex_search(benchmark, benchmark_);
}

std::uint64_t planted_index(std::uint64_t elements) {
  return elements / 2;
}

void plant_wrong_element(void* data, std::uint64_t elements, std::uint32_t element_bytes,
                         cudaStream_t stream) {
  if (elements == 0 || element_bytes == 0) {
    return;
  }
  constexpr unsigned char kSecondHighestBit = 0x40;
  auto* element = static_cast<std::byte*>(data) + planted_index(elements) * element_bytes;
  std::vector<unsigned char> bytes(element_bytes);
  RACKPROOF_CUDA(
      cudaMemcpyAsync(bytes.data(), element, element_bytes, cudaMemcpyDeviceToHost, stream));
  RACKPROOF_CUDA(cudaStreamSynchronize(stream));
  bytes.back() ^= kSecondHighestBit;
  RACKPROOF_CUDA(
      cudaMemcpyAsync(element, bytes.data(), element_bytes, cudaMemcpyHostToDevice, stream));
  RACKPROOF_CUDA(cudaStreamSynchronize(stream));
}

}  // namespace rackproof::harness::measure
