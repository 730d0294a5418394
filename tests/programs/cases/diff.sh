# needs: diff patch
diff -u text.txt changed.txt | sed '1,2d' | tee p.diff | cksum
diff text.txt changed.txt > n.diff
patch -s text.txt n.diff &&
cmp text.txt changed.txt &&
echo same
diff -rq tree project | sort | head -3
diff -y --width=60 <(head -50 text.txt) <(head -50 changed.txt) | cksum
diff3 text.txt changed.txt text.txt | cksum
