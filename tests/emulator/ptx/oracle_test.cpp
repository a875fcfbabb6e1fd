/// The instruction table against ptxas: what the parser accepts assembles, what it rejects does
/// not.

#include "emulator/ptx/parser.hpp"
#include "tests/emulator/ptx/oracle_lines.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <unistd.h>

namespace rackproof::emulator::ptx::oracle {
namespace {

/// First complaint of ptxas about each text line of the module; sets `clean` if it assembled.
std::map<std::size_t, std::string> ptxas_complaints(const std::string& target,
                                                    const std::string& module, bool& clean) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("rackproof_oracle_" + std::to_string(getpid()) + ".ptx");
  std::ofstream(path) << module;
  const std::string command = std::string("\"") + RACKPROOF_PTXAS + "\" -O0 -arch=" + target +
                              " \"" + path.string() + "\" -o /dev/null 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  for (std::size_t size = 0; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), size);
  }
  clean = pclose(pipe) == 0;
  std::filesystem::remove(path);

  // "ptxas file, line 12; error   : text"
  std::map<std::size_t, std::string> complaints;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view kPlace = ", line ";
    const std::size_t place = line.find(kPlace);
    const bool serious =
        line.find("; error") != std::string::npos || line.find("; fatal") != std::string::npos;
    if (place != std::string::npos && serious) {
      complaints.emplace(std::stoul(line.substr(place + kPlace.size())), line);
    }
  }
  return complaints;
}

bool have_ptxas() {
  return std::filesystem::exists(RACKPROOF_PTXAS);
}

std::map<std::string, std::vector<Line>> by_target(const std::string& name) {
  std::map<std::string, std::vector<Line>> groups;
  for (Line& line : read_lines(name)) {
    groups[line.target].push_back(std::move(line));
  }
  return groups;
}

TEST(PtxOracle, ParserAcceptsLegalLines) {
  std::vector<Line> lines = read_lines("legal.txt");
  ASSERT_GT(lines.size(), 1500U);
  const std::vector<Line> real = read_lines("real_code.txt");
  ASSERT_GT(real.size(), 400U);
  lines.insert(lines.end(), real.begin(), real.end());
  for (const Line& line : lines) {
    EXPECT_NO_THROW((void)parse(make_module(line.target, {line}), "legal"))
        << line.target << ": " << line.text;
  }
}

TEST(PtxOracle, ParserRejectsIllegalLines) {
  const std::vector<Line> lines = read_lines("illegal.txt");
  ASSERT_GT(lines.size(), 150U);
  for (const Line& line : lines) {
    try {
      (void)parse(make_module(line.target, {line}), "illegal");
      ADD_FAILURE() << "accepted on " << line.target << ": " << line.text;
    } catch (const ParseError& error) {
      EXPECT_EQ(error.line(), kFirstLine) << line.text << "\n" << error.what();
    }
  }
}

TEST(PtxOracle, PtxasAcceptsLegalLines) {
  if (!have_ptxas()) {
    GTEST_SKIP() << "no ptxas at " << RACKPROOF_PTXAS;
  }
  auto groups = by_target("legal.txt");
  for (auto& [target, lines] : by_target("real_code.txt")) {
    groups[target].insert(groups[target].end(), lines.begin(), lines.end());
  }
  for (const auto& [target, lines] : groups) {
    bool clean = false;
    const auto complaints = ptxas_complaints(target, make_module(target, lines), clean);
    for (const auto& [at, complaint] : complaints) {
      ADD_FAILURE() << target << ": " << lines.at(at - kFirstLine).text << "\n" << complaint;
    }
    EXPECT_TRUE(clean) << target;
  }
}

TEST(PtxOracle, PtxasRejectsIllegalLines) {
  if (!have_ptxas()) {
    GTEST_SKIP() << "no ptxas at " << RACKPROOF_PTXAS;
  }
  for (auto& [target, lines] : by_target("illegal.txt")) {
    // A syntax error ends ptxas's run: take out what it named and ask again.
    while (!lines.empty()) {
      bool clean = false;
      const auto complaints = ptxas_complaints(target, make_module(target, lines), clean);
      std::vector<Line> left;
      for (std::size_t i = 0; i < lines.size(); ++i) {
        if (!complaints.contains(i + kFirstLine)) {
          left.push_back(lines[i]);
        }
      }
      if (left.size() == lines.size()) {
        break;
      }
      lines = std::move(left);
    }
    for (const Line& line : lines) {
      ADD_FAILURE() << "ptxas accepts on " << target << ": " << line.text;
    }
  }
}

}  // namespace
}  // namespace rackproof::emulator::ptx::oracle
