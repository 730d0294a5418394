# needs: gcc
gcc -O2 -c -o p.o program.c && gcc -o p p.o && ./p && gcc -O3 -S -o - program.c | cksum
printf 'int main(void) { return 1 +; }\n' > bad.c
gcc -c bad.c 2>/dev/null
echo "bad: $?"
for i in $(seq 400); do
    echo "int f$i(int x) { int a[9]; for (int i = 0; i < 9; i++) a[i] = x * i + $i;"
    echo "return a[x % 9]; }"
done > many.c
gcc -O2 -S -o - many.c | cksum
