# needs: objdump nm readelf ar strip gcc
gcc -g -O1 -o p program.c &&
objdump -d -S p | cksum
nm -S p | cut -c18- | cksum
readelf -aW p | cksum
objdump -g p | cksum
gcc -c -o a.o program.c &&
ar rcsD l.a a.o &&
ar tv l.a &&
strip -o q p &&
./q
addr2line -f -e p main | head -1
ld -r -o r.o a.o &&
size r.o
objdump -d "$(readlink -f "$(command -v bash)")" | head -60000 | cksum
