# needs: git
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git init -q -b main repo && cd repo && cp -r ../tree ../text.txt ../program.c . &&
git add -A && git commit -q -m one && cp ../changed.txt text.txt && git commit -qam two &&
git log --stat --format='%H %s' | cat && git diff HEAD~1 | cksum && git gc -q &&
git fsck --strict 2>&1 | cat && git clone -q . ../copy && git -C ../copy rev-parse HEAD &&
git blame text.txt | cut -c1-8 | sort | uniq -c && git grep -c slab | sort | tail -3 &&
git archive HEAD | cksum
