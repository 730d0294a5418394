# needs: sort
sort -k3,3 -k1,1n text.txt | cksum
sort -S 1M --parallel=2 -R --random-source=bytes.bin text.txt | cksum
sort -t, -k3n -u table.csv | tail -2
sort -c text.txt 2>/dev/null
echo $?
