# needs: dash
dash -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); s="$s$((i % 10))"; done; echo ${#s}
         set -- a "b c" d; for x; do echo "[$x]"; done; echo $(cat text.txt | wc -l)
         f() { echo "$@"; }; for i in 1 2 3 4 5 6 7 8 9; do f $i | cat; done'
