# needs: xxd
xxd bytes.bin | tee x | cksum; xxd -r x | cmp - bytes.bin && echo same
