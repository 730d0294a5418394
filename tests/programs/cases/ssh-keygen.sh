# needs: ssh-keygen
ssh-keygen -q -t ed25519 -N '' -C c -f k &&
ssh-keygen -y -f k | cut -d' ' -f1
ssh-keygen -q -t rsa -b 2048 -N pass -f r &&
ssh-keygen -l -f r.pub | awk '{ print $1, $NF }'
echo data > d
ssh-keygen -q -Y sign -f k -n file d 2>/dev/null
echo "c $(cat k.pub)" > allowed
ssh-keygen -Y verify -f allowed -I c -n file -s d.sig < d | sed 's/with .*//'
