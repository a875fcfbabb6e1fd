#include "emulator/engine/link_session.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/exec/runtime_calls.hpp"
#include "emulator/fatbin/fatbin.hpp"
#include "emulator/ptx/linker.hpp"
#include "emulator/ptx/parser.hpp"

#include <cstdio>
#include <mutex>
#include <utility>
#include <vector>

namespace rackproof::emulator::engine {
namespace {

struct Images {
  std::mutex mutex;
  std::vector<std::shared_ptr<const ptx::Module>> modules;
};
Images& images() {
  static auto* const instance = new Images;  // leaked: see Core
  return *instance;
}

LinkedImage remember(ptx::Module module) {
  const std::scoped_lock lock(images().mutex);
  images().modules.push_back(std::make_shared<const ptx::Module>(std::move(module)));
  return {LinkedImage::kMagic, static_cast<std::uint32_t>(images().modules.size() - 1)};
}

}  // namespace

std::shared_ptr<const ptx::Module> find_linked(const LinkedImage& image) {
  const std::scoped_lock lock(images().mutex);
  return image.magic == LinkedImage::kMagic && image.number < images().modules.size()
             ? images().modules[image.number]
             : nullptr;
}

struct LinkSession::Inputs {
  std::vector<ptx::LinkInput> list;
};

LinkSession::LinkSession() : inputs_(std::make_unique<Inputs>()) {}
LinkSession::~LinkSession() = default;

cudaError_t LinkSession::fail(cudaError_t error, const std::string& problem) {
  std::fprintf(stderr, "rackproof emulator: %s\n", problem.c_str());
  problem_ = problem;
  return error;
}

cudaError_t LinkSession::add_ptx(std::string name, std::string text) {
  if (name.empty()) {
    name = "input " + std::to_string(inputs_->list.size() + 1);
  }
  try {
    ptx::Module module = ptx::parse(text, name);
    inputs_->list.push_back({std::move(name), std::move(module)});
    return cudaSuccess;
  } catch (const ptx::ParseError& error) {
    return fail(cudaErrorInvalidPtx, error.what());
  }
}

cudaError_t LinkSession::add_fatbin(std::string name, const void* fatbin) {
  try {
    const fatbin::Contents contents = fatbin::read(fatbin);
    const auto* entry = fatbin::select_ptx(contents, Core::instance().rack().gpu.architecture());
    return entry == nullptr
               ? fail(cudaErrorNoKernelImageForDevice, name + ": no PTX for this device")
               : add_ptx(std::move(name), entry->text);
  } catch (const fatbin::FatbinError& error) {
    return fail(cudaErrorInvalidKernelImage, name + ": " + error.what());
  }
}

cudaError_t LinkSession::complete() {
  try {
    ptx::LinkedModule linked = ptx::link(std::exchange(inputs_->list, {}));
    for (const ptx::UndefinedSymbol& missing : linked.undefined) {
      if (!exec::is_builtin(missing.symbol)) {
        return fail(cudaErrorInvalidPtx, "linking: '" + missing.symbol + "', used by " +
                                             missing.module + ", is not defined");
      }
    }
    image_ = remember(std::move(linked.module));
    return cudaSuccess;
  } catch (const ptx::LinkError& error) {
    return fail(cudaErrorInvalidPtx, error.what());
  }
}

}  // namespace rackproof::emulator::engine
