#pragma once
/// How GoogleTest prints parameters: CTest's names of the tests contain it.

#include "kernels/common/element_type.hpp"
#include "kernels/memory/memory.hpp"

#include <ostream>

namespace rackproof::kernels {

inline void PrintTo(ElementType type, std::ostream* stream) {
  *stream << to_string(type);
}

namespace memory {
inline void PrintTo(Pattern pattern, std::ostream* stream) {
  *stream << pattern_work(pattern).name;
}
}  // namespace memory

}  // namespace rackproof::kernels
