# needs: vim
quiet='vim -N -u NONE -i NONE -n -es'
$quiet -c 'silent! %s/arena/ARENA/ge' -c 'silent! g/slab/normal! A!' -c 'silent! 1,200sort' \
    -c 'silent! %!cat' -c 'write! out.txt' -c 'qa!' text.txt </dev/null
cksum out.txt
$quiet -c 'let x = join(map(range(2000), "v:val * v:val"), ",")' \
    -c 'call writefile([x, string(len(x))], "o2")' -c 'qa!' </dev/null
cksum o2
