# needs: gzip
gzip -9nc text.txt | tee t.gz | cksum; gzip -dc t.gz | cmp - text.txt && echo same; gzip -l t.gz
