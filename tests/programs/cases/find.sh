# needs: find xargs
find tree -type f -name '*7*.txt' -size -2 -printf '%P %s\n' | sort | cksum
find . -type f -print0 | xargs -0 -n 20 -P 3 cksum | sort | cksum
find tree -depth -exec echo {} + | wc -w
