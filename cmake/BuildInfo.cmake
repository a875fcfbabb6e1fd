# rackproof::build_info: git commit, dirty flag, compiler and flags, refreshed at every build.
set(build_info_dir "${CMAKE_BINARY_DIR}/generated")
add_custom_target(rackproof_build_info_refresh
  COMMAND ${CMAKE_COMMAND}
          "-DSOURCE_DIR=${PROJECT_SOURCE_DIR}" "-DOUTPUT=${build_info_dir}/rackproof_build_info.hpp"
          "-DVERSION=${PROJECT_VERSION}" "-DBUILD_TYPE=${CMAKE_BUILD_TYPE}"
          "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
          "-DCUDA_COMPILER=nvcc ${CMAKE_CUDA_COMPILER_VERSION}"
          -P "${CMAKE_CURRENT_LIST_DIR}/WriteBuildInfo.cmake"
  BYPRODUCTS "${build_info_dir}/rackproof_build_info.hpp"
  COMMENT "Recording the git commit")
add_library(rackproof_build_info INTERFACE)
add_library(rackproof::build_info ALIAS rackproof_build_info)
target_include_directories(rackproof_build_info INTERFACE "${build_info_dir}")
add_dependencies(rackproof_build_info rackproof_build_info_refresh)
