# needs: cmake make gcc
cmake -S project -B out -G 'Unix Makefiles' >log 2>&1 &&
cmake --build out -j2 >>log 2>&1 &&
out/sample
cat >list.cmake <<'END'
set(list)
foreach(i RANGE 3000)
  list(APPEND list "item${i}")
endforeach()
list(SORT list)
list(GET list 17 40 x)
string(SHA256 h "${list}")
message("${x} ${h}")
END
cmake -P list.cmake 2>&1
