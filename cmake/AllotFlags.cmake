# Compiler and linker flags, as interface targets:
#
#   allot_flags_common    language, warnings, sanitizers, include path: everything of ours
#   allot_flags_library   what ends up inside malloc
#   allot_flags_test      tests, benchmarks and helper programs

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-Og -g3")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g3")

set(allot_warnings
    -Wall -Wextra -Walloca -Wcast-qual -Wdate-time -Wformat=2
    -Wimplicit-fallthrough -Wpointer-arith -Wshadow -Wundef -Wunused -Wvla -Wwrite-strings)
set(allot_warnings_c
    -Wnested-externs -Wold-style-definition -Wstrict-prototypes)
set(allot_warnings_library -Wconversion -Wmissing-prototypes -Wno-sign-conversion)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND allot_warnings -Wduplicated-branches -Wduplicated-cond -Wlogical-op)
    # An alias of malloc is not given malloc's attributes, which clang could not copy.
    list(APPEND allot_warnings_library -Wtrampolines -Wno-missing-attributes)
elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
    list(APPEND allot_warnings -Wloop-analysis -Wunreachable-code)
    list(APPEND allot_warnings_library -Wmissing-variable-declarations
         -Wno-implicit-int-float-conversion)
endif()

# The compiler must not reason about the functions that this library defines: it would turn
# malloc + memset into calloc inside calloc, or drop a malloc/free pair that a test makes.
set(allot_no_builtin)
foreach(name IN ITEMS malloc calloc realloc reallocarray free aligned_alloc memalign
                      posix_memalign valloc pvalloc strdup strndup)
    list(APPEND allot_no_builtin -fno-builtin-${name})
endforeach()

add_library(allot_flags_common INTERFACE)
target_include_directories(allot_flags_common INTERFACE "${CMAKE_SOURCE_DIR}/include")
target_compile_definitions(allot_flags_common INTERFACE
    _GNU_SOURCE ALLOT_VERSION_STRING="${PROJECT_VERSION}"
    $<$<CONFIG:Debug>:ALI_DEBUG=1>)
target_compile_options(allot_flags_common INTERFACE
    ${allot_warnings} "$<$<COMPILE_LANGUAGE:C>:${allot_warnings_c}>" ${allot_no_builtin}
    "-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=" $<$<BOOL:${ALLOT_WERROR}>:-Werror>)
# -Og, as instrumentation, keeps from gcc what -O2 lets it prove; the release build asks for it.
target_compile_options(allot_flags_common INTERFACE
    $<$<AND:$<CONFIG:Debug>,$<C_COMPILER_ID:GNU>>:-Wno-maybe-uninitialized>)

if(ALLOT_SANITIZE)
    set(sanitize -fsanitize=${ALLOT_SANITIZE} -fno-omit-frame-pointer)
    if(ALLOT_SANITIZE MATCHES "undefined")
        list(APPEND sanitize -fno-sanitize-recover=undefined)
    endif()
    # Instrumentation hides from gcc what it otherwise proves.
    list(APPEND sanitize $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_compile_options(allot_flags_common INTERFACE ${sanitize})
    target_link_options(allot_flags_common INTERFACE -fsanitize=${ALLOT_SANITIZE})
endif()
if(ALLOT_COVERAGE)
    target_compile_options(allot_flags_common INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(allot_flags_common INTERFACE --coverage)
endif()

add_library(allot_flags_library INTERFACE)
target_include_directories(allot_flags_library INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_options(allot_flags_library INTERFACE
    ${allot_warnings_library} -fPIC -fvisibility=hidden -fno-plt -ftls-model=initial-exec
    -fno-semantic-interposition)
# Runs on signal stacks and in threads with the smallest stack; instrumented frames are larger.
if(NOT ALLOT_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(allot_flags_library INTERFACE -Wframe-larger-than=4096)
endif()
target_link_libraries(allot_flags_library INTERFACE allot_flags_common)

add_library(allot_flags_test INTERFACE)
target_include_directories(allot_flags_test INTERFACE "${CMAKE_SOURCE_DIR}/tests")
target_link_libraries(allot_flags_test INTERFACE allot_flags_common)

# musl-gcc knows no kernel headers; the C library's own still come first.
if(CMAKE_C_COMPILER MATCHES "musl-gcc")
    set(ALLOT_MUSL ON)
    target_compile_options(allot_flags_common INTERFACE
        "SHELL:-idirafter /usr/include"
        "SHELL:-idirafter /usr/include/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-gnu")
    # Its specs leave the table out by which frames are walked.
    target_link_options(allot_flags_common INTERFACE "-Wl,--eh-frame-hdr")
endif()
