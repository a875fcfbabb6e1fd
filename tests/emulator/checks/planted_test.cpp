// Every planted fault is found with its place, the kernel without it ends without a finding, and
// docs/planted-faults.md says exactly that.
#include "tests/emulator/checks/planted.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

namespace rackproof::test {

// GoogleTest would print the bytes.
void PrintTo(const Planted& planted, std::ostream* out) {
  *out << planted.name;
}

namespace {

constexpr std::size_t kMemoryBytes = 65536;

std::vector<Planted> all_faults() {
  std::vector<Planted> all;
  for (const auto* list : {&shared_memory_faults(), &global_memory_faults(), &address_faults(),
                           &synchronisation_faults(), &async_proxy_faults(), &progress_faults(),
                           &operation_faults(), &host_memory_faults()}) {
    all.insert(all.end(), list->begin(), list->end());
  }
  return all;
}

struct Outcome {
  cudaError_t error = cudaSuccess;
  std::string said;
};

Outcome run(const Planted& planted, bool is_correct) {
  Outcome outcome;
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, kMemoryBytes), cudaSuccess);
  EXPECT_EQ(cudaMemset(memory, 0, kMemoryBytes), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  testing::internal::CaptureStderr();
  planted.run(is_correct, static_cast<int*>(memory));
  // Of two operations that nothing orders either may be the one that is reported.
  for (const int device : {1, 0}) {
    static_cast<void>(cudaSetDevice(device));
    const cudaError_t error = cudaDeviceSynchronize();
    outcome.error = error != cudaSuccess ? error : outcome.error;
    EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
  }
  outcome.said = testing::internal::GetCapturedStderr();
  return outcome;
}

class PlantedFault : public testing::TestWithParam<Planted> {};

TEST_P(PlantedFault, IsFoundOrKnownToBeMissed) {
  Outcome outcome = run(GetParam(), false);
  for (int i = 1; i < GetParam().attempts && outcome.error == cudaSuccess; ++i) {
    outcome = run(GetParam(), false);
  }
  if (GetParam().expected == nullptr) {
    EXPECT_EQ(outcome.error, cudaSuccess) << "found now: say so in the table\n" << outcome.said;
    return;
  }
  EXPECT_NE(outcome.error, cudaSuccess);
  EXPECT_NE(outcome.said.find(GetParam().expected), std::string::npos) << outcome.said;
  if (GetParam().is_in_kernel) {
    EXPECT_NE(outcome.said.find("PTX line"), std::string::npos) << outcome.said;
    EXPECT_NE(outcome.said.find("CTA ("), std::string::npos) << outcome.said;
    // As in the source: no mangled names.
    EXPECT_EQ(outcome.said.find("_Z"), std::string::npos) << outcome.said;
  }
}

TEST_P(PlantedFault, CorrectFormRaisesNoFinding) {
  const Outcome outcome = run(GetParam(), true);
  EXPECT_EQ(outcome.error, cudaSuccess);
  EXPECT_EQ(outcome.said, "");
}

INSTANTIATE_TEST_SUITE_P(All, PlantedFault, testing::ValuesIn(all_faults()),
                         [](const auto& test_case) { return std::string(test_case.param.name); });

// Instruction by instruction this would take minutes.
TEST(Progress, TimePassesForLoopsOverTheClock) {
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  ASSERT_EQ(cudaDeviceReset(), cudaSuccess);
  constexpr long long kClocks = 20'000'000'000;
  const long long waited = clocks_waited(kClocks);
  EXPECT_GE(waited, kClocks);
  EXPECT_LE(waited, kClocks + kClocks / 4);
}

TEST(PlantedFaults, TableInTheDocumentationIsTrue) {
  std::ostringstream expected;
  for (const Planted& planted : all_faults()) {
    expected << "| `" << planted.name << "` | " << planted.what << " | "
             << (planted.expected == nullptr ? "**missed**" : "found") << " |\n";
  }
  std::ifstream stream(RACKPROOF_SOURCE_DIR "/docs/planted-faults.md");
  std::ostringstream text;
  text << stream.rdbuf();
  EXPECT_NE(text.str().find(expected.str()), std::string::npos) << "the table has to be:\n"
                                                                << expected.str();
}

}  // namespace
}  // namespace rackproof::test
