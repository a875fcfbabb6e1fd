# Run at build time: writes the header only when its text changed, so nothing rebuilds in vain.
find_package(Git QUIET)
set(commit "unknown")
set(dirty "false")
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse HEAD WORKING_DIRECTORY "${SOURCE_DIR}"
                  OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit "${head}")
    execute_process(COMMAND ${GIT_EXECUTABLE} status --porcelain WORKING_DIRECTORY "${SOURCE_DIR}"
                    OUTPUT_VARIABLE changes OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(changes)
      set(dirty "true")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [[
#pragma once
// Generated at build time by cmake/WriteBuildInfo.cmake.
#include <string_view>

namespace rackproof::build_info {
inline constexpr std::string_view kVersion = "@VERSION@";
inline constexpr std::string_view kGitCommit = "@commit@";
inline constexpr bool kGitDirty = @dirty@;
inline constexpr std::string_view kBuildType = "@BUILD_TYPE@";
inline constexpr std::string_view kHostCompiler = "@COMPILER@";
inline constexpr std::string_view kCudaCompiler = "@CUDA_COMPILER@";
}  // namespace rackproof::build_info
]])
