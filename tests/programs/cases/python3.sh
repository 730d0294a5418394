# needs: python3
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
def add(n):
    out.append(sum(x * x for x in range(n * 5000)))
threads = [threading.Thread(target=add, args=(n,)) for n in range(6)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(out), decimal.Decimal(2).sqrt(decimal.Context(prec=200)))
END
