# needs: zstd
zstd -q -T2 -12 -c text.txt | zstd -q -dc | cmp - text.txt &&
echo same
zstd -q -19 -c table.csv | cksum
zstd -q --train tree/*/*/* -o d 2>/dev/null
zstd -q -b3 -i0 text.txt >/dev/null 2>&1
echo $?
