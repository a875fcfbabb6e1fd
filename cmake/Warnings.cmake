# Every target links rackproof::warnings; third-party headers are SYSTEM and stay silent.
add_library(rackproof_warnings INTERFACE)
add_library(rackproof::warnings ALIAS rackproof_warnings)

set(host_warnings -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
set(cxx_only_warnings -Wconversion -Wsign-conversion)
if(RACKPROOF_WERROR)
  list(APPEND host_warnings -Werror)
  set(cuda_werror "SHELL:-Werror all-warnings")
endif()

target_compile_options(rackproof_warnings INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:${host_warnings};${cxx_only_warnings}>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=$<JOIN:${host_warnings},$<COMMA>>>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcudafe=--display_error_number>")
if(RACKPROOF_WERROR)
  target_compile_options(rackproof_warnings INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_werror}>")
endif()
