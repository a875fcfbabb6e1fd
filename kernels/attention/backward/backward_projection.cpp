#include "kernels/attention/backward/backward_projection.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace rackproof::kernels::attention::backward {

double Projection::bound() const {
  return squares_ == 0 ? 0 : (sigmas_ * std::sqrt(independent_) + systematic_) / squares_;
}

bool Projection::agrees() const {
  return std::fabs(factor()) <= bound();
}

std::string Projection::describe(const char* array) const {
  constexpr double kPercent = 100;
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%s by %.2g %%, up to %.2g %% by rounding alone",
                agrees() ? "D in " : "D WRONG in ", kPercent * factor(), kPercent * bound());
  std::string words = text.data();
  return words.insert(words.find(" in ") + 4, std::string(array) + " off");
}

}  // namespace rackproof::kernels::attention::backward
