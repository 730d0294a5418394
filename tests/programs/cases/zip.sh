# needs: zip unzip
find tree text.txt | sort | TZ=UTC zip -qX t.zip -@ &&
unzip -l t.zip | awk '{ print $1, $4 }' | cksum
unzip -q t.zip -d x &&
diff -r tree x/tree &&
echo same
