#include "harness/ranks/lockstep.hpp"

#include <cstddef>
#include <span>

namespace rackproof::harness::ranks {

std::optional<std::string> attempt(collectives::Bootstrap& bootstrap,
                                   const collectives::Deadline& deadline,
                                   const std::function<void()>& step) {
  std::string error;
  try {
    step();
  } catch (const collectives::TimeoutError&) {
    throw;
  } catch (const std::exception& failure) {
    error = failure.what();
    if (error.empty()) {
      error = "an error without a message";
    }
  }
  const auto answers = bootstrap.all_gather(std::as_bytes(std::span(error)), deadline);
  for (std::size_t rank = 0; rank < answers.size(); ++rank) {
    if (!answers[rank].empty()) {
      const auto* text = reinterpret_cast<const char*>(answers[rank].data());
      return "rank " + std::to_string(rank) + ": " + std::string(text, answers[rank].size());
    }
  }
  return std::nullopt;
}

}  // namespace rackproof::harness::ranks
