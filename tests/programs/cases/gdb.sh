# needs: gdb gcc
gcc -g -O0 -o p program.c
gdb -q -nx -batch -ex 'info functions order' -ex 'info line main' -ex 'ptype struct item' \
    -ex 'list order' -ex 'disassemble order' ./p 2>&1
gdb -q -nx -batch -ex 'python print(sum(x * x for x in range(30000)))' -ex 'print 6 * 7' 2>&1
