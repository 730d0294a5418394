# needs: redis-server redis-cli
redis-server --port 0 --unixsocket "$PWD/s" --save '' --daemonize no --logfile log --dir . \
    >/dev/null &
server=$!
for i in $(seq 200); do redis-cli -s s ping >/dev/null 2>&1 && break; sleep 0.05; done
awk 'NR <= 6000 {
         print "SET key:" NR " \"" $0 "\""
         print "LPUSH list " NR
         print "HSET hash:" NR % 50 " f" NR " " NR
         print "ZADD z " NR * 7 % 1009 " m" NR
     }' text.txt | redis-cli -s s | sort | uniq -c | sort -rn | head -3
redis-cli -s s <<'END'
dbsize
get key:77
llen list
zrange z 0 5 withscores
hlen hash:7
eval "local s = 0 for i = 1, 1000 do s = s + i end return s" 0
memory doctor
END
redis-cli -s s flushall; redis-cli -s s bgsave >/dev/null; sleep 0.3
redis-cli -s s shutdown nosave; wait $server; echo "server: $?"
