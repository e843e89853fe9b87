# Refuses compilers and flags that would build a wrong or slow core, in a sentence a person can act on.
#
# Needs CMAKE_CXX_COMPILER_ID, CMAKE_CXX_COMPILER_VERSION and CMAKE_CXX_FLAGS; runs under `cmake -P` too, which is how it is tested.

set(wanted "fastgrad needs GCC 11 or newer, or Clang 14 or newer (on Windows: clang-cl)")
set(found "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")

if(CMAKE_CXX_COMPILER_ID STREQUAL "MSVC")
  message(FATAL_ERROR "${wanted}. MSVC does not compile its vector types: select the ClangCL toolset "
                      "(-T ClangCL), or set CXX=clang-cl and build with Ninja.")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(oldest 11)
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(oldest 14)
else()
  message(FATAL_ERROR "${wanted}; this is ${found}. Set CXX to one of them.")
endif()
if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS oldest)
  message(FATAL_ERROR "${wanted}; this is ${found}. Set CXX to a newer compiler.")
endif()

# These change results, and at link time they switch the denormal mode of the whole process.
if("${CMAKE_CXX_FLAGS} ${CMAKE_SHARED_LINKER_FLAGS} ${CMAKE_MODULE_LINKER_FLAGS}" MATCHES "fast-math|Ofast")
  message(FATAL_ERROR "fastgrad must not be compiled or linked with fast-math: take it out of CXXFLAGS and LDFLAGS.")
endif()
