/// The fatbin reader against what nvcc wrote and what ptxas -v says of the same kernels.

#include "emulator/fatbin/fatbin.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace rackproof::emulator::fatbin {
namespace {

std::string file_text(const std::string& name) {
  std::ifstream file(std::string(FIXTURE_DIR) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// The number that stands right before `phrase` in `line`; 0 if the phrase is not there.
std::uint32_t number_before(const std::string& line, const std::string& phrase) {
  const std::size_t end = line.find(phrase);
  if (end == std::string::npos) {
    return 0;
  }
  const std::size_t begin = line.find_last_not_of("0123456789", end - 1) + 1;
  return static_cast<std::uint32_t>(std::stoul(line.substr(begin, end - begin)));
}

/// Kernel and target to the figures of `ptxas -v`.
std::map<std::pair<std::string, std::string>, KernelResources> ptxas_report() {
  std::map<std::pair<std::string, std::string>, KernelResources> report;
  KernelResources* current = nullptr;
  std::istringstream lines(file_text("ptxas.log"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("Compiling entry function '") != std::string::npos) {
      // ... entry function 'kernel' for 'sm_80'
      std::vector<std::string> quoted;
      std::istringstream parts(line);
      for (std::string part; std::getline(parts, part, '\'');) {
        quoted.push_back(part);
      }
      current = &report[{quoted.at(1), quoted.at(3)}];
    } else if (current != nullptr && line.find(" registers, used") != std::string::npos) {
      current->registers_per_thread = number_before(line, " registers, used");
      current->local_bytes_per_thread = number_before(line, " bytes cumulative stack size");
      current->static_shared_bytes = number_before(line, " bytes smem");
    }
  }
  return report;
}

std::string name_of(const Target& target) {
  std::string name = "sm_" + std::to_string(target.architecture);
  if (target.suffix != 0) {
    name += target.suffix;
  }
  return name;
}

TEST(FatbinReader, FindsThePtxOfEveryTarget) {
  const Contents contents = read(bytes_of(file_text("zstd.fatbin")));
  std::vector<std::string> targets;
  for (const PtxEntry& entry : contents.ptx) {
    targets.push_back(name_of(entry.target));
    EXPECT_NE(entry.text.find(".target " + targets.back() + "\n"), std::string::npos);
    EXPECT_NE(entry.text.find(".entry calls_a_function"), std::string::npos);
    EXPECT_NE(entry.text.back(), '\0');
  }
  std::sort(targets.begin(), targets.end());
  EXPECT_EQ(targets, (std::vector<std::string>{"sm_100f", "sm_103a", "sm_80"}));
}

TEST(FatbinReader, AgreesWithPtxasOnResources) {
  const auto report = ptxas_report();
  ASSERT_EQ(report.size(), 9U);
  const Contents contents = read(bytes_of(file_text("zstd.fatbin")));
  ASSERT_EQ(contents.cubins.size(), 3U);
  for (const CubinEntry& cubin : contents.cubins) {
    ASSERT_EQ(cubin.kernels.size(), 3U);
    for (const auto& [kernel, resources] : cubin.kernels) {
      const auto expected = report.find({kernel, name_of(cubin.target)});
      ASSERT_NE(expected, report.end()) << kernel;
      SCOPED_TRACE(kernel + " on " + name_of(cubin.target));
      EXPECT_EQ(resources.registers_per_thread, expected->second.registers_per_thread);
      EXPECT_EQ(resources.static_shared_bytes, expected->second.static_shared_bytes);
      EXPECT_EQ(resources.local_bytes_per_thread, expected->second.local_bytes_per_thread);
    }
  }
}

TEST(FatbinReader, ReadsEveryCompressionMode) {
  const Contents plain = read(bytes_of(file_text("none.fatbin")));
  ASSERT_EQ(plain.ptx.size(), 1U);
  for (const char* mode : {"size", "speed"}) {  // zstd with packed cubins; LZ4
    const Contents contents = read(bytes_of(file_text(std::string(mode) + ".fatbin")));
    ASSERT_EQ(contents.ptx.size(), 1U) << mode;
    EXPECT_EQ(contents.ptx[0].text, plain.ptx[0].text) << mode;
    ASSERT_EQ(contents.cubins.size(), 1U) << mode;
    EXPECT_EQ(contents.cubins[0].kernels.size(), 3U) << mode;
  }
}

TEST(FatbinReader, ReadsFromAPointer) {
  const std::string text = file_text("none.fatbin");
  EXPECT_EQ(read(static_cast<const void*>(text.data())).ptx.size(), 1U);
}

TEST(FatbinReader, RejectsTruncatedAndForeignBytes) {
  for (const char* name : {"zstd.fatbin", "size.fatbin", "speed.fatbin", "none.fatbin"}) {
    const std::string whole = file_text(name);
    for (std::size_t size = 0; size < whole.size(); size += 1 + size / 7) {
      EXPECT_THROW((void)read(bytes_of(whole.substr(0, size))), FatbinError) << name << " " << size;
    }
  }
  const std::string foreign(64, 'x');
  EXPECT_THROW((void)read(bytes_of(foreign)), FatbinError);
}

TEST(FatbinReader, SurvivesDamagedBytes) {
  // Any single damaged byte either leaves a readable container or is an error; never a crash.
  for (const char* name : {"size.fatbin", "speed.fatbin", "none.fatbin"}) {
    const std::string whole = file_text(name);
    for (std::size_t at = 0; at < whole.size(); at += at < 256 ? 1 : 97) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
      try {
        (void)read(bytes_of(damaged));
      } catch (const FatbinError&) {
      }
    }
  }
}

Contents with_ptx(std::initializer_list<Target> targets) {
  Contents contents;
  for (const Target& target : targets) {
    contents.ptx.push_back({target, name_of(target)});
  }
  return contents;
}

std::string selected(const Contents& contents, std::uint32_t architecture) {
  const PtxEntry* entry = select_ptx(contents, architecture);
  return entry == nullptr ? "none" : entry->text;
}

TEST(SelectPtx, PrefersTheNewestThatMayRun) {
  const Contents all = with_ptx({{80, 0}, {90, 'a'}, {100, 'f'}, {103, 'a'}});
  EXPECT_EQ(selected(all, 80), "sm_80");
  EXPECT_EQ(selected(all, 89), "sm_80");
  EXPECT_EQ(selected(all, 90), "sm_90a");
  EXPECT_EQ(selected(all, 100), "sm_100f");
  EXPECT_EQ(selected(all, 103), "sm_103a");
  EXPECT_EQ(selected(all, 120), "sm_80");
  EXPECT_EQ(selected(all, 75), "none");
}

TEST(SelectPtx, TellsSuffixesOfOneArchitectureApart) {
  EXPECT_EQ(selected(with_ptx({{100, 0}, {100, 'a'}, {100, 'f'}}), 100), "sm_100a");
  EXPECT_EQ(selected(with_ptx({{100, 0}, {100, 'a'}, {100, 'f'}}), 103), "sm_100f");
  EXPECT_EQ(selected(with_ptx({{100, 'a'}}), 103), "none");
}

TEST(FindResources, TakesTheNearestCubinThatHasTheKernel) {
  Contents contents;
  contents.cubins.push_back(
      {{80, 0}, {{"old", {.registers_per_thread = 10}}, {"both", {.registers_per_thread = 11}}}});
  contents.cubins.push_back({{103, 'a'}, {{"both", {.registers_per_thread = 12}}}});
  EXPECT_EQ(find_resources(contents, "old", 103)->registers_per_thread, 10U);
  EXPECT_EQ(find_resources(contents, "both", 103)->registers_per_thread, 12U);
  EXPECT_EQ(find_resources(contents, "both", 100)->registers_per_thread, 11U);
  EXPECT_FALSE(find_resources(contents, "missing", 103).has_value());
}

}  // namespace
}  // namespace rackproof::emulator::fatbin
