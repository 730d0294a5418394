"""The real programs and what they are made to do.

A case is a name, the programs it needs and a bash script. What a script prints
must not depend on time, process ids, addresses or the machine's load.
"""


class Case:
    def __init__(self, name, programs, script, seconds=60):
        self.name = name
        self.programs = programs.split()
        self.script = script
        self.seconds = seconds


ALL = [
    Case("bash", "bash", r'''
        declare -A count
        while read -r number first rest; do
            count[$first]=$((${count[$first]:-0} + 1)); list+=("${rest:0:9}")
        done < <(head -8000 text.txt)
        for key in "${!count[@]}"; do echo "$key ${count[$key]}"; done | sort
        echo "${#list[@]} ${list[77]} $(printf '%s' "${list[@]:0:50}" | cksum)"
        f() { local x=$1; [ "$x" -le 0 ] && echo end || f $((x - 1)); }; f 300
        for i in {1..60}; do (echo "$i" | cat); done | cksum'''),
    Case("dash", "dash", r'''
        dash -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); s="$s$((i % 10))"; done; echo ${#s}
                 set -- a "b c" d; for x; do echo "[$x]"; done; echo $(cat text.txt | wc -l)
                 f() { echo "$@"; }; for i in 1 2 3 4 5 6 7 8 9; do f $i | cat; done' '''),
    Case("python3", "python3", r'''
        python3 - <<'END'
import json, re, zlib, hashlib, collections, threading, sqlite3, decimal
data = json.load(open("data.json"))
names = collections.Counter(w for d in data for w in d["name"].split())
print(names.most_common(5), sum(len(d["tags"]) for d in data))
text = open("text.txt").read()
print(len(re.findall(r"\b(\w+) \1\b", text)), zlib.crc32(text.encode()))
print(hashlib.sha256(zlib.compress(text.encode(), 6)).hexdigest()[:16])
db = sqlite3.connect(":memory:")
db.execute("create table t(id, name)")
db.executemany("insert into t values(?,?)", ((d["id"], d["name"]) for d in data))
print(db.execute("select count(distinct name) from t").fetchone())
out = []
threads = [threading.Thread(target=lambda n=n: out.append(sum(x * x for x in range(n * 5000)))) for n in range(6)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(out), decimal.Decimal(2).sqrt(decimal.Context(prec=200)))
END'''),
    Case("python3-processes", "python3", r'''
        python3 - <<'END'
import multiprocessing, subprocess
def work(n):
    return sum(len(str(x)) for x in range(n))
if __name__ == "__main__":
    with multiprocessing.Pool(4) as pool:
        print(pool.map(work, range(1000, 9000, 500)))
    print(subprocess.run(["echo", "child"], capture_output=True).stdout)
END'''),
    Case("perl", "perl", r'''
        perl -ne 'for (split) { $n{$_}++ } END { print "$_ $n{$_}\n" for (sort { $n{$b} <=> $n{$a} || $a cmp $b } keys %n)[0..20] }' text.txt
        perl -MDigest::MD5=md5_hex -e 'my @a; push @a, md5_hex($_) for 1..30000; print join(",", (sort @a)[0..3]), "\n"; my %h = map { $_ => [1..5] } @a; print scalar(keys %h), "\n"' '''),
    Case("sqlite3", "sqlite3", r'''
        sqlite3 t.db <<'END'
.mode csv
.import table.csv t
create index by_group on t("group");
select "group", count(*), sum(value), max(name) from t group by 1 order by 1;
with recursive c(x) as (select 1 union all select x + 1 from c where x < 40000)
  select count(*), sum(x * x % 1009) from c;
select a.id, b.id from t a join t b on a.value = b.value and a.id < b.id order by 1, 2 limit 10;
update t set name = upper(name) where id % 3 = 0;
delete from t where id % 7 = 0;
vacuum;
select count(*), group_concat(name, '|') from (select name from t order by id limit 20);
pragma integrity_check;
END'''),
    Case("git", "git", r'''
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
        git init -q -b main repo && cd repo && cp -r ../tree ../text.txt ../program.c . &&
        git add -A && git commit -q -m one && cp ../changed.txt text.txt && git commit -qam two &&
        git log --stat --format='%H %s' | cat && git diff HEAD~1 | cksum && git gc -q &&
        git fsck --strict 2>&1 | cat && git clone -q . ../copy && git -C ../copy rev-parse HEAD &&
        git blame text.txt | cut -c1-8 | sort | uniq -c && git grep -c slab | sort | tail -3 &&
        git archive HEAD | cksum'''),
    Case("gcc", "gcc", r'''
        gcc -O2 -c -o p.o program.c && gcc -o p p.o && ./p && gcc -O3 -S -o - program.c | cksum
        printf 'int main(void) { return 1 +; }\n' > bad.c; gcc -c bad.c 2>/dev/null; echo "bad: $?"
        (for i in $(seq 400); do echo "int f$i(int x) { int a[9]; for (int i = 0; i < 9; i++) a[i] = x * i + $i; return a[x % 9]; }"; done) > many.c
        gcc -O2 -S -o - many.c | cksum'''),
    Case("g++", "g++", r'''g++ -std=c++17 -O1 -o p program.cc && ./p; printf '#include <map>\nint f(std::map<int, int> m) { return m[3]; }' | g++ -x c++ -O1 -S -o - - | cksum'''),
    Case("clang", "clang", r'''clang -O2 -o p program.c && ./p && clang -O2 -S -o - program.c | cksum'''),
    Case("make", "make gcc", r'''cd project && make -s -j3 sample && ./sample && make numbers && make -n -B sample && make -pq sample 2>/dev/null | grep -c '^sample' '''),
    Case("cmake", "cmake make gcc", r'''
        cmake -S project -B out -G 'Unix Makefiles' >log 2>&1 && cmake --build out -j2 >>log 2>&1 && out/sample
        cat >list.cmake <<'END'
set(list)
foreach(i RANGE 3000)
  list(APPEND list "item${i}")
endforeach()
list(SORT list)
list(GET list 17 40 x)
string(SHA256 h "${list}")
message("${x} ${h}")
END
        cmake -P list.cmake 2>&1'''),
    Case("gawk", "gawk", r'''gawk '{ n[$2]++; s[$3] = s[$3] $1 } END { PROCINFO["sorted_in"] = "@ind_str_asc"; for (k in n) print k, n[k], length(s[k]) }' text.txt; gawk -F, '{ gsub(/a/, "<&>"); x = x substr($0, 1, 3) } END { print length(x) }' table.csv'''),
    Case("mawk", "mawk", r'''mawk '{ n[$2]++; t += length($0) } END { for (k in n) print k, n[k] | "sort"; close("sort"); print t }' text.txt'''),
    Case("sed", "sed", r'''sed -E -n 's/(arena|slab) (\w+)/\2 \1/gp' text.txt | cksum; sed -e ':a;N;$!ba;s/\n/ /g' text.txt | wc -c; sed -n '1!G;h;$p' <(head -3000 text.txt) | cksum'''),
    Case("grep", "grep", r'''grep -cP '(?<=slab) (thread|node)\b.*?(\d)\2' text.txt; grep -oE '[a-z]+ [a-z]+' text.txt | cksum; grep -rc page tree | sort | tail -2; grep -vnF -f <(printf 'heap\nidle\n') text.txt | wc -l'''),
    Case("sort", "sort", r'''sort -k3,3 -k1,1n text.txt | cksum; sort -S 1M --parallel=2 -R --random-source=bytes.bin text.txt | cksum; sort -t, -k3n -u table.csv | tail -2; sort -c text.txt 2>/dev/null; echo $?'''),
    Case("coreutils", "od join tac shuf", r'''od -An -tx1 bytes.bin | cksum; join -j1 <(sort text.txt) <(sort changed.txt) | wc; tac text.txt | cksum; shuf --random-source=bytes.bin text.txt | cksum; cut -d' ' -f2-4 text.txt | tr a-z A-Z | uniq -c | cksum; split -n 7 bytes.bin part. && cat part.* | cmp - bytes.bin && ls part.* | wc -l; seq 1 3 200000 | factor | cksum; stat -c '%s %A' text.txt; date -u -d @1700000000; expr 6 \* 7; ls -lR --time-style=+ tree | awk '{ print $1, $5, $6 }' | cksum'''),
    Case("tar", "tar", r'''tar --sort=name --mtime=@0 --owner=0 --group=0 -cf - tree text.txt | tee t.tar | cksum; tar tvf t.tar | awk '{ print $NF }' | cksum; mkdir x && tar xf t.tar -C x && diff -r tree x/tree && echo same'''),
    Case("gzip", "gzip", r'''gzip -9nc text.txt | tee t.gz | cksum; gzip -dc t.gz | cmp - text.txt && echo same; gzip -l t.gz'''),
    Case("bzip2", "bzip2", r'''bzip2 -c bytes.bin text.txt | tee t.bz2 | cksum; bzip2 -dc t.bz2 | cksum'''),
    Case("xz", "xz", r'''xz -6 -T2 -c text.txt | cksum; xz -9e -c table.csv | tee t.xz | cksum; xz -dc t.xz | cmp - table.csv && echo same'''),
    Case("zstd", "zstd", r'''zstd -q -T2 -12 -c text.txt | zstd -q -dc | cmp - text.txt && echo same; zstd -q -19 -c table.csv | cksum; zstd -q --train tree/*/*/* -o d 2>/dev/null; zstd -q -b3 -i0 text.txt >/dev/null 2>&1; echo $?'''),
    Case("zip", "zip unzip", r'''find tree text.txt | sort | TZ=UTC zip -qX t.zip -@ && unzip -l t.zip | awk '{ print $1, $4 }' | cksum; unzip -q t.zip -d x && diff -r tree x/tree && echo same'''),
    Case("bc", "bc", r'''
        bc -l <<'END'
scale=300; 4*a(1); e(1); sqrt(2)
define f(n) {
  if (n < 2) return (1);
  return (n * f(n - 1));
}
f(400)
END'''),
    Case("jq", "jq", r'''jq -c 'map(select(.id % 100 == 0)) | group_by(.tags[0]) | map({t: .[0].tags[0], n: length, s: (map(.nested.value) | add | floor)})' data.json; jq '[.[] | .tags[]] | unique | length' data.json; jq -r '.[].name' data.json | cksum; jq . <<< '{"a":' 2>/dev/null; echo $?'''),
    Case("lua", "lua5.4", r'''lua5.4 -e 't = {} for i = 1, 200000 do t[i] = tostring(i * i % 7919) .. "x" end table.sort(t) print(t[1], t[#t], #table.concat(t)) local n = 0 for w in io.open("text.txt"):read("a"):gmatch("%a+") do n = n + #w end print(n) collectgarbage() co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) print(co(), co(), co())' '''),
    Case("xmllint", "xmllint", r'''xmllint --format data.xml | cksum; xmllint --xpath 'count(//record[@id > 500])' data.xml; echo; xmllint --xpath 'string(//record[@id=77]/name)' data.xml; echo; echo '<a><b></a>' | xmllint --noout - 2>/dev/null; echo $?; xmllint --stream --noout data.xml && echo fine'''),
    Case("openssl", "openssl", r'''openssl dgst -sha256 text.txt bytes.bin; openssl enc -aes-256-cbc -pbkdf2 -S 0011223344556677 -pass pass:x -in text.txt | tee e | openssl md5; openssl enc -d -aes-256-cbc -pbkdf2 -S 0011223344556677 -pass pass:x -in e | cmp - text.txt; openssl genrsa -out k.pem 2048 2>/dev/null && openssl rsa -in k.pem -check -noout 2>&1; openssl req -x509 -key k.pem -subj /CN=x -days 1 -out c.pem 2>/dev/null && openssl verify -CAfile c.pem c.pem; openssl pkeyutl -sign -inkey k.pem -in <(head -c 32 text.txt) | wc -c; openssl prime 1000003'''),
    Case("curl", "curl", r'''curl -s "file://$PWD/text.txt" | cksum; curl -s "file://$PWD/{text.txt,changed.txt}" | cksum; curl -s file:///none/such; echo $?; curl --version | head -1'''),
    Case("vim", "vim", r'''vim -N -u NONE -i NONE -n -es -c 'silent! %s/arena/ARENA/ge' -c 'silent! g/slab/normal! A!' -c 'silent! 1,200sort' -c 'silent! %!cat' -c 'write! out.txt' -c 'qa!' text.txt </dev/null; cksum out.txt; vim -N -u NONE -i NONE -n -es -c 'let x = join(map(range(2000), "v:val * v:val"), ",")' -c 'call writefile([x, string(len(x))], "o2")' -c 'qa!' </dev/null; cksum o2'''),
    Case("redis", "redis-server redis-cli", r'''
        redis-server --port 0 --unixsocket "$PWD/s" --save '' --daemonize no --logfile log --dir . >/dev/null &
        server=$!
        for i in $(seq 200); do redis-cli -s s ping >/dev/null 2>&1 && break; sleep 0.05; done
        awk 'NR <= 6000 { print "SET key:" NR " \"" $0 "\""; print "LPUSH list " NR; print "HSET hash:" NR % 50 " f" NR " " NR; print "ZADD z " NR * 7 % 1009 " m" NR }' text.txt | redis-cli -s s | sort | uniq -c | sort -rn | head -3
        redis-cli -s s <<'END'
dbsize
get key:77
llen list
zrange z 0 5 withscores
hlen hash:7
eval "local s = 0 for i = 1, 1000 do s = s + i end return s" 0
memory doctor
END
        redis-cli -s s flushall; redis-cli -s s bgsave >/dev/null; sleep 0.3
        redis-cli -s s shutdown nosave; wait $server; echo "server: $?"'''),
    Case("node", "node", r'''node -e 'const fs = require("fs"), zlib = require("zlib"), crypto = require("crypto"); const d = JSON.parse(fs.readFileSync("data.json")); const m = new Map(); for (const r of d) for (const t of r.tags) m.set(t, (m.get(t) || 0) + 1); console.log([...m].sort().slice(0, 5)); const z = zlib.gzipSync(fs.readFileSync("text.txt")); console.log(zlib.gunzipSync(z).length, crypto.createHash("sha1").update(fs.readFileSync("bytes.bin")).digest("hex")); Promise.all([1, 2, 3].map(n => new Promise(r => zlib.deflate(Buffer.alloc(n * 100000, n), (e, b) => r(b.length))))).then(x => console.log(x))' '''),
    Case("ssh-keygen", "ssh-keygen", r'''ssh-keygen -q -t ed25519 -N '' -C c -f k && ssh-keygen -y -f k | cut -d' ' -f1; ssh-keygen -q -t rsa -b 2048 -N pass -f r && ssh-keygen -l -f r.pub | awk '{ print $1, $NF }'; echo data > d; ssh-keygen -q -Y sign -f k -n file d 2>/dev/null; echo "c $(cat k.pub)" > allowed; ssh-keygen -Y verify -f allowed -I c -n file -s d.sig < d | sed 's/with .*//' '''),
    Case("find", "find xargs", r'''find tree -type f -name '*7*.txt' -size -2 -printf '%P %s\n' | sort | cksum; find . -type f -print0 | xargs -0 -n 20 -P 3 cksum | sort | cksum; find tree -depth -exec echo {} + | wc -w'''),
    Case("diff", "diff patch", r'''diff -u text.txt changed.txt | sed '1,2d' | tee p.diff | cksum; diff text.txt changed.txt > n.diff; patch -s text.txt n.diff && cmp text.txt changed.txt && echo same; diff -rq tree project | sort | head -3; diff -y --width=60 <(head -50 text.txt) <(head -50 changed.txt) | cksum; diff3 text.txt changed.txt text.txt | cksum'''),
    Case("binutils", "objdump nm readelf ar strip gcc", r'''gcc -g -O1 -o p program.c && objdump -d -S p | cksum; nm -S p | cut -c18- | cksum; readelf -aW p | cksum; objdump -g p | cksum; gcc -c -o a.o program.c && ar rcsD l.a a.o && ar tv l.a && strip -o q p && ./q; addr2line -f -e p main | head -1; ld -r -o r.o a.o && size r.o; objdump -d "$(readlink -f "$(command -v bash)")" | head -60000 | cksum'''),
    Case("gdb", "gdb gcc", r'''gcc -g -O0 -o p program.c && gdb -q -nx -batch -ex 'info functions order' -ex 'info line main' -ex 'ptype struct item' -ex 'list order' -ex 'disassemble order' ./p 2>&1; gdb -q -nx -batch -ex 'python print(sum(x * x for x in range(30000)))' -ex 'print 6 * 7' 2>&1'''),
    Case("file", "file", r'''file text.txt bytes.bin data.json data.xml program.c tree; file -i data.json; file -bz text.txt'''),
    Case("m4", "m4", r'''
        m4 <<'END' | tee out | cksum
define(`loop', `ifelse($1, 0, `', `loop(decr($1))$1 ')')dnl
loop(300) format(`%s-%05d', a, 7) eval(2**20) translit(abc, a-c, x-z)
END
        tail -c 30 out'''),
    Case("tclsh", "tclsh", r'''tclsh <<'END'
for {set i 0} {$i < 40000} {incr i} { lappend l [expr {$i * 7919 % 10007}]; dict set d k$i [list $i a] }
puts "[lindex [lsort -integer $l] 100] [dict size $d] [string length [join $l ,]]"
puts [regexp -all {\ma\w+} [read [open text.txt]]]
END'''),
    Case("xxd", "xxd", r'''xxd bytes.bin | tee x | cksum; xxd -r x | cmp - bytes.bin && echo same'''),
    Case("postgres", "initdb postgres setpriv", r'''
        as=; [ "$(id -u)" = 0 ] && { chown 65534 .; as='setpriv --reuid 65534 --regid 65534 --clear-groups'; }
        $as initdb -A trust -N -D db >log 2>&1 || { tail -3 log; exit 1; }
        ls db | sort
        $as postgres --single -D db template1 2>/dev/null <<'END' | grep -o '"[0-9]*"'
create table t as select g as id, md5(g::text) as h from generate_series(1, 20000) g;
select count(distinct substr(h, 1, 3)) from t;
END''', 120),
    Case("rustc", "rustc", r'''echo 'fn main() { let v: Vec<String> = (0..1000).map(|x| format!("{}", x * x)).collect(); println!("{}", v.join(",").len()); }' > m.rs; HOME=/root rustc -O -o m m.rs 2>/dev/null && ./m''', 120),
    Case("java", "java javac", r'''echo 'import java.util.*; public class M { public static void main(String[] a) { Map<String, List<Integer>> m = new TreeMap<>(); for (int i = 0; i < 100000; i++) m.computeIfAbsent("k" + i % 101, k -> new ArrayList<>()).add(i); long s = 0; for (List<Integer> l : m.values()) s += l.stream().mapToInt(x -> x).sum(); System.out.println(s); } }' > M.java; javac M.java && java -Xmx200m -cp . M''', 120),
    Case("gpg", "gpg", r'''export GNUPGHOME=$PWD/g; mkdir -m 700 g; gpg --batch -q --print-md sha256 text.txt; gpg --batch -q --passphrase x --pinentry-mode loopback --symmetric -o s.gpg text.txt 2>/dev/null && gpg --batch -q --passphrase x --pinentry-mode loopback -d s.gpg 2>/dev/null | cmp - text.txt && echo same; gpgconf --kill all'''),
    Case("ninja", "ninja gcc", r'''printf 'rule cc\n command = gcc -O1 -c -o $out $in\nrule link\n command = gcc -o $out $in\nbuild main.o: cc project/main.c\nbuild part.o: cc project/part.c\nbuild sample: link main.o part.o\n' > build.ninja; ninja --quiet && ./sample && ninja -t targets | sort && ninja -t commands | cksum'''),
]
