# needs: xz
xz -6 -T2 -c text.txt | cksum
xz -9e -c table.csv | tee t.xz | cksum
xz -dc t.xz | cmp - table.csv &&
echo same
