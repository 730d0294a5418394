# allot_unit_test(NAME SOURCES... [FAKE] [ABI] [SERIAL] [LIBS lib...] [ARGS arg...]
#                 [TIMEOUT s] [LABELS l...] [NOT_UNDER address|thread|emulator|musl...])
#     A cmocka program over the objects of the library, so that internals are reachable by
#     their headers. Run in every build.
#     FAKE  tests/fake stands between the layers and the OS. A function that it calls
#           __wrap_X replaces X and reaches the real one as __real_X. If it defines no
#           __wrap_ at all, it replaces src/plat as a whole.
#     ABI   link src/abi too: malloc itself is ours. Left out under a sanitizer.
#     NOT_UNDER  left out under these: sanitizers whose shadow memory the test cannot bear, an
#           emulator or a C library that has not what the test is about.
#
# allot_test_program(NAME SOURCES... [LINK target...] [OPTIONS flag...] [EVERY_BUILD])
#     A program for a script test, at build/tests/NAME. Links libc and LINK only.
#
# allot_script_test(NAME COMMAND... [EVERY_BUILD] [SERIAL] [TIMEOUT s] [LABELS l...])
#     Passes with exit status 0, is skipped with 77. A first word that is a file beside the
#     CMakeLists.txt is run from there; *.py and *.sh need no execute bit. Runs in the release
#     build only, unless EVERY_BUILD. Environment: ALLOT_SOURCE_DIR, ALLOT_BUILD_DIR (the working
#     directory), ALLOT_TEST_DIR (scratch of its own), CC, ALLOT_EMULATOR (what a built program is
#     to be run by; empty as a rule).
#
# allot_fuzz(NAME SOURCES... [RUNS n])
#     A libFuzzer target over the objects of the library, in the preset fuzz only. Its test makes
#     a fixed number of runs from a fixed seed, with the corpus fuzz/corpus/NAME if there is one.
#
# Tests run in parallel; SERIAL ones run alone. The default timeout is 120 s, three
# times that and any other under a sanitizer or an emulator.

if(NOT ALLOT_SANITIZE AND NOT ALLOT_COVERAGE AND CMAKE_BUILD_TYPE STREQUAL "Release"
   AND NOT ALLOT_MUSL AND NOT CMAKE_CROSSCOMPILING)
    set(ALLOT_RELEASE_TESTS ON)
else()
    set(ALLOT_RELEASE_TESTS OFF)
endif()

add_custom_target(tests)
foreach(t IN ITEMS allot_shared allot_static allot_malloc_shared allot_malloc_static allot_tool)
    if(TARGET ${t})
        add_dependencies(tests ${t})
    endif()
endforeach()

# ThreadSanitizer of gcc 12 does not cope with 32 bits of mmap randomness.
set(allot_test_prefix)
if(ALLOT_SANITIZE MATCHES "thread")
    execute_process(COMMAND setarch -R true RESULT_VARIABLE no_setarch OUTPUT_QUIET ERROR_QUIET)
    if(NOT no_setarch)
        set(allot_test_prefix setarch -R)
    endif()
endif()

separate_arguments(allot_emulator UNIX_COMMAND "${ALLOT_EMULATOR}")

set(allot_test_env
    "ALLOT_SOURCE_DIR=${CMAKE_SOURCE_DIR}" "ALLOT_BUILD_DIR=${CMAKE_BINARY_DIR}"
    "CC=${CMAKE_C_COMPILER}" "ALLOT_EMULATOR=${ALLOT_EMULATOR}" "PYTHONDONTWRITEBYTECODE=1")
if(ALLOT_SANITIZE MATCHES "address")
    list(APPEND allot_test_env "ASAN_OPTIONS=abort_on_error=1:detect_leaks=0"
         "UBSAN_OPTIONS=print_stacktrace=1")
elseif(ALLOT_SANITIZE MATCHES "thread")
    list(APPEND allot_test_env "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")
endif()

function(allot_test_properties name serial timeout labels)
    if(NOT timeout)
        set(timeout 120)
    endif()
    if(ALLOT_SANITIZE OR ALLOT_EMULATOR)
        math(EXPR timeout "3 * ${timeout}")
    endif()
    set(scratch "${CMAKE_BINARY_DIR}/tests/scratch/${name}")
    file(MAKE_DIRECTORY "${scratch}")
    set_tests_properties(${name} PROPERTIES
        WORKING_DIRECTORY "${CMAKE_BINARY_DIR}" SKIP_RETURN_CODE 77 RUN_SERIAL "${serial}"
        TIMEOUT ${timeout} LABELS "${labels}"
        ENVIRONMENT "${allot_test_env};ALLOT_TEST_DIR=${scratch}")
endfunction()

# --- cmocka --------------------------------------------------------------------------------

if(ALLOT_SANITIZE MATCHES "fuzzer")
    set(ALLOT_FUZZ ON)
else()
    set(ALLOT_FUZZ OFF)
endif()

# Debian has cmocka for its own C library and machine; elsewhere the stand-in serves.
if(ALLOT_MUSL OR CMAKE_CROSSCOMPILING)
    set(CMOCKA_INCLUDE "${CMAKE_SOURCE_DIR}/tests/standin")
    set(CMOCKA_LIBRARY)
    set(ALLOT_HAVE_CMOCKA ON)
elseif(ALLOT_FUZZ)
    set(ALLOT_HAVE_CMOCKA OFF)
else()
    find_path(CMOCKA_INCLUDE cmocka.h)
    find_library(CMOCKA_LIBRARY cmocka)
    if(NOT CMOCKA_INCLUDE OR NOT CMOCKA_LIBRARY)
        message(WARNING "cmocka is missing: no unit tests (tools/deps.sh test)")
        add_test(NAME unit_tests_without_cmocka COMMAND sh -c "exit 77")
        set_tests_properties(unit_tests_without_cmocka PROPERTIES SKIP_RETURN_CODE 77)
        set(ALLOT_HAVE_CMOCKA OFF)
    else()
        set(ALLOT_HAVE_CMOCKA ON)
    endif()
endif()

# --- the failing OS ------------------------------------------------------------------------

file(GLOB allot_fake_sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/fake/*.c")
set(allot_fake_wraps)
foreach(source IN LISTS allot_fake_sources)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    file(STRINGS "${source}" lines REGEX "__wrap_[a-z0-9_]+")
    foreach(line IN LISTS lines)
        string(REGEX MATCHALL "__wrap_[a-z0-9_]+" names "${line}")
        foreach(name IN LISTS names)
            string(REPLACE "__wrap_" "" name "${name}")
            list(APPEND allot_fake_wraps "-Wl,--wrap=${name}")
        endforeach()
    endforeach()
endforeach()
list(REMOVE_DUPLICATES allot_fake_wraps)

if(allot_fake_sources)
    add_library(allot_fake OBJECT EXCLUDE_FROM_ALL ${allot_fake_sources})
    target_include_directories(allot_fake PRIVATE "${CMAKE_SOURCE_DIR}/src")
    target_link_libraries(allot_fake PRIVATE allot_flags_test)
endif()

# --- coverage ------------------------------------------------------------------------------

if(ALLOT_COVERAGE)
    add_library(allot_coverage_exit OBJECT EXCLUDE_FROM_ALL
        "${CMAKE_SOURCE_DIR}/tests/coverage_exit.c")
    target_link_libraries(allot_coverage_exit PRIVATE allot_flags_test)
endif()

# --- functions -----------------------------------------------------------------------------

function(allot_unit_test name)
    cmake_parse_arguments(T "FAKE;ABI;SERIAL" "TIMEOUT" "LIBS;LABELS;ARGS;NOT_UNDER" ${ARGN})
    if(NOT ALLOT_HAVE_CMOCKA OR (T_ABI AND ALLOT_SANITIZE))
        return()
    endif()
    foreach(what IN LISTS T_NOT_UNDER)
        if(ALLOT_SANITIZE MATCHES "${what}" OR (what STREQUAL "emulator" AND ALLOT_EMULATOR)
           OR (what STREQUAL "musl" AND ALLOT_MUSL))
            return()
        endif()
    endforeach()
    set(objects ${ALLOT_LIB_OBJECTS})
    if(T_ABI)
        set(objects ${ALLOT_MALLOC_OBJECTS})
    endif()
    if(T_FAKE)
        if(NOT TARGET allot_fake)
            message(FATAL_ERROR "${name}: FAKE, but tests/fake has no source")
        endif()
        if(NOT allot_fake_wraps)
            list(REMOVE_ITEM objects $<TARGET_OBJECTS:allot_layer_plat>)
        endif()
        list(APPEND objects $<TARGET_OBJECTS:allot_fake>)
    endif()

    if(ALLOT_COVERAGE)
        list(APPEND objects $<TARGET_OBJECTS:allot_coverage_exit>)
    endif()

    add_executable(${name} EXCLUDE_FROM_ALL ${T_UNPARSED_ARGUMENTS} ${objects})
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMOCKA_INCLUDE}")
    target_link_libraries(${name} PRIVATE allot_flags_test ${CMOCKA_LIBRARY} ${T_LIBS})
    if(T_FAKE)
        target_link_options(${name} PRIVATE ${allot_fake_wraps})
    endif()
    if(ALLOT_COVERAGE)
        target_link_options(${name} PRIVATE -Wl,--wrap=_exit)
    endif()
    add_dependencies(tests ${name})

    add_test(NAME ${name} COMMAND ${allot_test_prefix} ${allot_emulator} $<TARGET_FILE:${name}>
             ${T_ARGS})
    allot_test_properties(${name} "${T_SERIAL}" "${T_TIMEOUT}" "unit;${T_LABELS}")
endfunction()

function(allot_test_program name)
    cmake_parse_arguments(T "EVERY_BUILD" "" "LINK;OPTIONS" ${ARGN})
    if(NOT ALLOT_RELEASE_TESTS AND (NOT T_EVERY_BUILD OR ALLOT_FUZZ))
        return()
    endif()
    add_executable(${name} EXCLUDE_FROM_ALL ${T_UNPARSED_ARGUMENTS})
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    target_link_libraries(${name} PRIVATE allot_flags_test ${T_LINK})
    target_compile_options(${name} PRIVATE ${T_OPTIONS})
    add_dependencies(tests ${name})
endfunction()

function(allot_script_test name command)
    cmake_parse_arguments(T "EVERY_BUILD;SERIAL" "TIMEOUT" "LABELS" ${ARGN})
    if(NOT ALLOT_RELEASE_TESTS AND (NOT T_EVERY_BUILD OR ALLOT_FUZZ))
        return()
    endif()
    if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${command}")
        set(command "${CMAKE_CURRENT_SOURCE_DIR}/${command}")
    endif()
    if(command MATCHES "\\.py$")
        set(command python3 ${command})
    elseif(command MATCHES "\\.sh$")
        set(command bash ${command})
    endif()
    add_test(NAME ${name} COMMAND ${allot_test_prefix} ${command} ${T_UNPARSED_ARGUMENTS})
    allot_test_properties(${name} "${T_SERIAL}" "${T_TIMEOUT}" "script;${T_LABELS}")
endfunction()

function(allot_fuzz name)
    cmake_parse_arguments(T "" "RUNS" "" ${ARGN})
    if(NOT ALLOT_FUZZ)
        return()
    endif()
    if(NOT T_RUNS)
        set(T_RUNS 20000)
    endif()
    add_executable(${name} EXCLUDE_FROM_ALL ${T_UNPARSED_ARGUMENTS} ${ALLOT_LIB_OBJECTS})
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/src")
    target_link_libraries(${name} PRIVATE allot_flags_test)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(tests ${name})

    set(corpus)
    if(IS_DIRECTORY "${CMAKE_SOURCE_DIR}/fuzz/corpus/${name}")
        set(corpus "${CMAKE_SOURCE_DIR}/fuzz/corpus/${name}")
    endif()
    # New inputs go to the scratch directory, the first one; the corpus is only read.
    add_test(NAME ${name} COMMAND $<TARGET_FILE:${name}> -runs=${T_RUNS} -seed=1
        -artifact_prefix=scratch_${name}_ "${CMAKE_BINARY_DIR}/tests/scratch/${name}" ${corpus})
    allot_test_properties(${name} "" 300 "fuzz")
endfunction()
