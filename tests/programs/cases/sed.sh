# needs: sed
sed -E -n 's/(arena|slab) (\w+)/\2 \1/gp' text.txt | cksum
sed -e ':a;N;$!ba;s/\n/ /g' text.txt | wc -c
sed -n '1!G;h;$p' <(head -3000 text.txt) | cksum
