# needs: bzip2
bzip2 -c bytes.bin text.txt | tee t.bz2 | cksum; bzip2 -dc t.bz2 | cksum
