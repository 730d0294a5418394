# needs: file
file text.txt bytes.bin data.json data.xml program.c tree; file -i data.json; file -bz text.txt
