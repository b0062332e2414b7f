# The three shapes a folder of src/ is made of: a library, an executable, and the tests beside the code.

add_library(mcpgate_flags INTERFACE)
target_include_directories(mcpgate_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(
  mcpgate_flags
  INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror
            # Members that a designated initializer leaves out have defaults here.
            -Wno-missing-designated-field-initializers
            -fstack-protector-strong -fno-omit-frame-pointer)
target_compile_definitions(
  mcpgate_flags
  INTERFACE _GLIBCXX_ASSERTIONS
            MCPGATE_VERSION="${PROJECT_VERSION}"
            # Asio is compiled once, in src/base/asio.cc.
            BOOST_ASIO_SEPARATE_COMPILATION
            BOOST_ASIO_NO_DEPRECATED
            # Coroutine frames are recycled within a thread: a call has about this many alive.
            BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)
target_link_options(mcpgate_flags INTERFACE -fuse-ld=lld -Wl,--as-needed -Wl,-z,relro,-z,now)
if(CMAKE_BUILD_TYPE MATCHES "Rel")
  target_compile_options(mcpgate_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(MCPGATE_SANITIZE)
  target_compile_options(mcpgate_flags INTERFACE -fsanitize=${MCPGATE_SANITIZE}
                                                 -fno-sanitize-recover=all)
  target_link_options(mcpgate_flags INTERFACE -fsanitize=${MCPGATE_SANITIZE})
endif()
if(MCPGATE_FUZZ)
  target_compile_options(mcpgate_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# mcpgate_library(NAME [EXCLUDE x.cc...] DEPS other folders and imported targets...)
# One library of all x.cc of this folder but those named, and one test executable NAME_test of all
# its x_test.cc.
function(mcpgate_library name)
  cmake_parse_arguments(ARG "" "" "EXCLUDE;DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|main)\\.cc$")
  list(TRANSFORM ARG_EXCLUDE PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(REMOVE_ITEM sources ${ARG_EXCLUDE})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(NOT sources)
    return()
  endif()
  add_library(mcpgate_${name} STATIC ${sources})
  target_link_libraries(mcpgate_${name} PUBLIC mcpgate_flags ${ARG_DEPS})
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE mcpgate_${name} GTest::gtest GTest::gtest_main)
    set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                                  ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
