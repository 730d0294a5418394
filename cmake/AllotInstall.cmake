# What an installed C library has: headers, libraries, tool, pkg-config file, CMake package,
# manual pages. What does not exist yet is left out.
include(CMakePackageConfigHelpers)

if(EXISTS "${CMAKE_SOURCE_DIR}/include/allot")
    install(DIRECTORY "${CMAKE_SOURCE_DIR}/include/allot"
            DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
            FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
endif()

set(installed)
foreach(target IN ITEMS allot_shared allot_static allot_malloc_shared allot_malloc_static)
    if(TARGET ${target})
        list(APPEND installed ${target})
    endif()
endforeach()
if(TARGET allot_tool)
    install(TARGETS allot_tool RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

set(cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/allot")
if(installed)
    install(TARGETS ${installed} EXPORT allot_targets
            LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
            ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(EXPORT allot_targets NAMESPACE allot:: FILE allot-targets.cmake
            DESTINATION "${cmake_dir}")
    configure_package_config_file("${CMAKE_SOURCE_DIR}/cmake/allot-config.cmake.in"
        "${CMAKE_BINARY_DIR}/cmake/allot-config.cmake" INSTALL_DESTINATION "${cmake_dir}")
    write_basic_package_version_file("${CMAKE_BINARY_DIR}/cmake/allot-config-version.cmake"
        COMPATIBILITY SameMinorVersion)
    install(FILES "${CMAKE_BINARY_DIR}/cmake/allot-config.cmake"
                  "${CMAKE_BINARY_DIR}/cmake/allot-config-version.cmake"
            DESTINATION "${cmake_dir}")

    # Relative to the file itself, so that `cmake --install --prefix` needs no new configure.
    set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
    file(RELATIVE_PATH pc_to_prefix "/${pc_dir}" "/")
    string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
    foreach(pc IN ITEMS allot allot-malloc)
        configure_file("${CMAKE_SOURCE_DIR}/cmake/${pc}.pc.in"
            "${CMAKE_BINARY_DIR}/cmake/${pc}.pc" @ONLY)
        install(FILES "${CMAKE_BINARY_DIR}/cmake/${pc}.pc" DESTINATION "${pc_dir}")
    endforeach()
endif()

foreach(section IN ITEMS 1 3 7)
    file(GLOB pages CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/man/*.${section}")
    if(pages)
        install(FILES ${pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
    endif()
endforeach()

if(TARGET allot_tool)
    install(FILES "${CMAKE_SOURCE_DIR}/packaging/completion/allot.bash"
            DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME allot)
endif()
