# needs: clang
clang -O2 -o p program.c && ./p && clang -O2 -S -o - program.c | cksum
