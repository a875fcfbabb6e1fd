#pragma once
/// Linking at run time: relocatable PTX of several inputs becomes one image to load (cuLink*).

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace rackproof::emulator::ptx {
struct Module;
}

namespace rackproof::emulator::engine {

/// What cuLinkComplete gives in place of a cubin: a token for linked PTX of this process.
struct LinkedImage {
  static constexpr std::uint32_t kMagic = 0x4b4e4c52;  // "RLNK": no ELF, fatbin or PTX begins so
  std::uint32_t magic = 0;
  std::uint32_t number = 0;
};

/// nullptr: no image of this process. Images stay until it ends: programs copy them and destroy
/// the linker.
[[nodiscard]] std::shared_ptr<const ptx::Module> find_linked(const LinkedImage& image);

class LinkSession {
 public:
  LinkSession();
  ~LinkSession();
  LinkSession(const LinkSession&) = delete;
  LinkSession& operator=(const LinkSession&) = delete;

  /// An empty name becomes "input N". On an error, problem() says what is wrong.
  cudaError_t add_ptx(std::string name, std::string text);
  cudaError_t add_fatbin(std::string name, const void* fatbin);
  /// Undefined symbols are errors here, apart from what the driver provides (vprintf).
  cudaError_t complete();
  [[nodiscard]] const LinkedImage& image() const { return image_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  cudaError_t fail(cudaError_t error, const std::string& problem);

 private:
  struct Inputs;
  std::unique_ptr<Inputs> inputs_;
  LinkedImage image_;
  std::string problem_;
};

}  // namespace rackproof::emulator::engine
