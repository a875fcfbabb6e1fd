# Versions are the oldest that Debian 12 and Ubuntu 24.04 ship (docs/dependencies.md has the reasons).
find_package(CUDAToolkit 13.0 REQUIRED)
find_package(NCCL 2.27 REQUIRED)
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(benchmark 1.7.1 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(fmt 9.1 REQUIRED)
find_package(ZSTD REQUIRED)
find_package(Threads REQUIRED)
if(RACKPROOF_BUILD_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()

# CMake leaves the toolkit's folder out of run paths (it counts as the compiler's own); a toolkit
# in .deps/ is known to no other search path.
set(CMAKE_BUILD_RPATH "${CUDAToolkit_LIBRARY_DIR}")
