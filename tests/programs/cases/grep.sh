# needs: grep
grep -cP '(?<=slab) (thread|node)\b.*?(\d)\2' text.txt
grep -oE '[a-z]+ [a-z]+' text.txt | cksum
grep -rc page tree | sort | tail -2
grep -vnF -f <(printf 'heap\nidle\n') text.txt | wc -l
