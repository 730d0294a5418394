# needs: ninja gcc
cat > build.ninja <<'END'
rule cc
 command = gcc -O1 -c -o $out $in
rule link
 command = gcc -o $out $in
build main.o: cc project/main.c
build part.o: cc project/part.c
build sample: link main.o part.o
END
ninja --quiet && ./sample && ninja -t targets | sort && ninja -t commands | cksum
