# needs: make gcc
cd project &&
make -s -j3 sample &&
./sample &&
make numbers &&
make -n -B sample &&
make -pq sample 2>/dev/null | grep -c '^sample'
