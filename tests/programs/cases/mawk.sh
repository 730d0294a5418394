# needs: mawk
mawk '{ n[$2]++; t += length($0) }
      END { for (k in n) print k, n[k] | "sort"; close("sort"); print t }' text.txt
