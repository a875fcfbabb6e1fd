#include "tests/emulator/api/subprocess.hpp"

#include <array>
#include <cstdio>
#include <sstream>
#include <sys/wait.h>

namespace rackproof::test {

ProcessResult run_probe(const std::string& environment, const std::string& arguments) {
  const std::string command = "LD_LIBRARY_PATH=" RACKPROOF_BINARY_DIR "/emulator " + environment +
                              " " RACKPROOF_PROBE " " + arguments + " 2>&1";
  ProcessResult result;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) {
    return result;
  }
  std::array<char, 4096> buffer{};
  while (const std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), got);
  }
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {
    if (const auto equals = line.find('='); equals != std::string::npos) {
      result.answers[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  return result;
}

}  // namespace rackproof::test
