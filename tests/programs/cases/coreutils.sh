# needs: od join tac shuf
od -An -tx1 bytes.bin | cksum
join -j1 <(sort text.txt) <(sort changed.txt) | wc
tac text.txt | cksum
shuf --random-source=bytes.bin text.txt | cksum
cut -d' ' -f2-4 text.txt | tr a-z A-Z | uniq -c | cksum
split -n 7 bytes.bin part. &&
cat part.* | cmp - bytes.bin &&
ls part.* | wc -l
seq 1 3 200000 | factor | cksum
stat -c '%s %A' text.txt
date -u -d @1700000000
expr 6 \* 7
ls -lR --time-style=+ tree | awk '{ print $1, $5, $6 }' | cksum
