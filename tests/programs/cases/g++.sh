# needs: g++
g++ -std=c++17 -O1 -o p program.cc && ./p
printf '#include <map>\nint f(std::map<int, int> m) { return m[3]; }' > map.cc
g++ -O1 -S -o - map.cc | cksum
