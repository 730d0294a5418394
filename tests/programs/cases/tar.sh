# needs: tar
tar --sort=name --mtime=@0 --owner=0 --group=0 -cf - tree text.txt | tee t.tar | cksum
tar tvf t.tar | awk '{ print $NF }' | cksum
mkdir x &&
tar xf t.tar -C x &&
diff -r tree x/tree &&
echo same
