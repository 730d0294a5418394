# needs: curl
curl -s "file://$PWD/text.txt" | cksum
curl -s "file://$PWD/{text.txt,changed.txt}" | cksum
curl -s file:///none/such
echo $?
curl --version | head -1
