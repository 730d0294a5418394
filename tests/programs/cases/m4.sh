# needs: m4
m4 <<'END' | tee out | cksum
define(`loop', `ifelse($1, 0, `', `loop(decr($1))$1 ')')dnl
loop(300) format(`%s-%05d', a, 7) eval(2**20) translit(abc, a-c, x-z)
END
tail -c 30 out
