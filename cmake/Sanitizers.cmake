# Host code only: device code is checked by the emulator (and by compute-sanitizer on a GPU).
if(RACKPROOF_SANITIZE)
  # Null pointers and overruns of objects are AddressSanitizer's too; checking them twice costs a
  # third of the time JSON code takes to compile.
  set(unchecked "")
  if(RACKPROOF_SANITIZE MATCHES "undefined")
    set(unchecked -fno-sanitize=null,object-size,vptr)
    # Callers of C functions name their handles otherwise than the libraries here, as C lets them.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      list(APPEND unchecked -fno-sanitize=function)
    endif()
  endif()
  add_compile_options(
    "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${RACKPROOF_SANITIZE};${unchecked}>"
    "$<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
  add_link_options("-fsanitize=${RACKPROOF_SANITIZE}")
endif()
