# needs: openssl
openssl dgst -sha256 text.txt bytes.bin
openssl enc -aes-256-cbc -pbkdf2 -S 0011223344556677 -pass pass:x -in text.txt | tee e | openssl md5
openssl enc -d -aes-256-cbc -pbkdf2 -S 0011223344556677 -pass pass:x -in e | cmp - text.txt
openssl genrsa -out k.pem 2048 2>/dev/null &&
openssl rsa -in k.pem -check -noout 2>&1
openssl req -x509 -key k.pem -subj /CN=x -days 1 -out c.pem 2>/dev/null &&
openssl verify -CAfile c.pem c.pem
openssl pkeyutl -sign -inkey k.pem -in <(head -c 32 text.txt) | wc -c
openssl prime 1000003
