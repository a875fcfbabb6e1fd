#include "kernels/attention/attention.hpp"
#include "kernels/attention/backward/backward.hpp"
#include "kernels/attention/decode/decode.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/memory/memory.hpp"
#include "kernels/operation.hpp"

#include <algorithm>
#include <array>

namespace rackproof::kernels {

std::span<const Operation* const> operations() {
  static const std::array<const Operation*, 5> all{
      &gemm::gemm_operation(),
      &attention::attention_operation(),
      &attention::backward::backward_operation(),
      &attention::decode::decode_operation(),
      &memory::memory_operation(),
  };
  return all;
}

const Operation* find_operation(std::string_view name) {
  const auto all = operations();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Operation* operation) {
    return operation->name() == name;
  });
  return found == all.end() ? nullptr : *found;
}

}  // namespace rackproof::kernels
