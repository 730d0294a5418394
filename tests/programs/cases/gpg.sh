# needs: gpg
export GNUPGHOME=$PWD/g
mkdir -m 700 g
gpg --batch -q --print-md sha256 text.txt
gpg --batch -q --passphrase x --pinentry-mode loopback --symmetric -o s.gpg text.txt 2>/dev/null &&
gpg --batch -q --passphrase x --pinentry-mode loopback -d s.gpg 2>/dev/null | cmp - text.txt &&
echo same
gpgconf --kill all
