#include "emulator/exec/fragments.hpp"

#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"

#include <array>
#include <string>

namespace rackproof::emulator::exec {
namespace {

constexpr std::array<std::uint32_t, kWarpSize> all_members() {
  std::array<std::uint32_t, kWarpSize> members{};
  for (auto& member : members) {
    member = kFullMask;
  }
  return members;
}
constexpr auto kAllMembers = all_members();

/// Puts fields side by side into a word, and takes them out in the same order.
template <class Word>
class Packer {
 public:
  explicit Packer(Word word = 0) : word_(word) {}
  template <class T>
  Packer& put(T value, unsigned width) {
    word_ |= static_cast<Word>(value) << at_;
    at_ += width;
    return *this;
  }
  template <class T>
  T get(unsigned width) {
    const Word value = word_ >> at_ & ((Word{1} << width) - 1);
    at_ += width;
    return static_cast<T>(value);
  }
  [[nodiscard]] Word word() const { return word_; }

 private:
  Word word_;
  unsigned at_ = 0;
};

}  // namespace

std::int64_t MmaSpec::pack() const {
  Packer<std::uint64_t> packer;
  packer.put(shape.m, 6).put(shape.n, 6).put(shape.k, 9).put(kind, 2).put(format_a, 3);
  packer.put(format_b, 3).put(accumulator_c, 1).put(accumulator_d, 1).put(bits, 7);
  packer.put(signed_a, 1).put(signed_b, 1).put(satfinite, 1).put(variant, 2);
  return static_cast<std::int64_t>(packer.word());
}

MmaSpec MmaSpec::unpack(std::int64_t packed) {
  Packer<std::uint64_t> packer(static_cast<std::uint64_t>(packed));
  MmaSpec spec;
  spec.shape.m = packer.get<int>(6);
  spec.shape.n = packer.get<int>(6);
  spec.shape.k = packer.get<int>(9);
  spec.kind = packer.get<MatrixKind>(2);
  spec.format_a = packer.get<tensor::Format>(3);
  spec.format_b = packer.get<tensor::Format>(3);
  spec.accumulator_c = packer.get<tensor::Accumulator>(1);
  spec.accumulator_d = packer.get<tensor::Accumulator>(1);
  spec.bits = packer.get<std::uint32_t>(7);
  spec.signed_a = packer.get<bool>(1);
  spec.signed_b = packer.get<bool>(1);
  spec.satfinite = packer.get<bool>(1);
  spec.variant = packer.get<std::uint32_t>(2);
  return spec;
}

std::uint32_t FragmentSpec::pack() const {
  Packer<std::uint32_t> packer;
  packer.put(role, 2).put(m, 6).put(n, 6).put(k, 8).put(bits, 7).put(column_major, 1);
  return packer.word();
}

FragmentSpec FragmentSpec::unpack(std::uint32_t packed) {
  Packer<std::uint32_t> packer(packed);
  FragmentSpec spec;
  spec.role = packer.get<FragmentRole>(2);
  spec.m = packer.get<std::uint32_t>(6);
  spec.n = packer.get<std::uint32_t>(6);
  spec.k = packer.get<std::uint32_t>(8);
  spec.bits = packer.get<std::uint32_t>(7);
  spec.column_major = packer.get<bool>(1);
  return spec;
}

bool whole_warp(Warp& warp, std::uint32_t mask, const char* what) {
  if (mask == kFullMask) {
    return true;
  }
  if (warp.live() != kFullMask) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lowest_lane(mask),
                      std::string(what) + " needs all 32 threads of the warp; some have exited");
  }
  return warp.gather(kAllMembers.data(), mask) == kFullMask;
}

}  // namespace rackproof::emulator::exec
