# One library a layer. The link line is where a layer's dependencies are read off.
#   weir_layer(table SOURCES a.cc b.cc LINKS weir_util)
function(weir_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  if(NOT ARG_SOURCES)
    return()
  endif()
  add_library(weir_${name} STATIC ${ARG_SOURCES})
  target_include_directories(weir_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  # Libraries' headers are not ours to warn about.
  target_link_libraries(weir_${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
  target_precompile_headers(weir_${name} PRIVATE
    <algorithm> <chrono> <cstdint> <functional> <map> <memory> <optional> <span> <string>
    <string_view> <unordered_map> <utility> <variant> <vector>)
endfunction()

# Every *_test.cc of a tests/ folder in one binary, one ctest entry a test.
#   weir_tests(table LINKS weir_table)
function(weir_tests name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(weir_${name}_tests ${sources} ${ARG_SOURCES})
  target_include_directories(weir_${name}_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(weir_${name}_tests PRIVATE ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  target_precompile_headers(weir_${name}_tests PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
  include(GoogleTest)
  gtest_discover_tests(weir_${name}_tests
    DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
