# needs: node
cat > program.js <<'END'
const fs = require("fs"), zlib = require("zlib"), crypto = require("crypto");
const data = JSON.parse(fs.readFileSync("data.json"));
const tags = new Map();
for (const record of data)
    for (const tag of record.tags)
        tags.set(tag, (tags.get(tag) || 0) + 1);
console.log([...tags].sort().slice(0, 5));
const packed = zlib.gzipSync(fs.readFileSync("text.txt"));
const hash = crypto.createHash("sha1").update(fs.readFileSync("bytes.bin")).digest("hex");
console.log(zlib.gunzipSync(packed).length, hash);
const deflate = n => new Promise(done =>
    zlib.deflate(Buffer.alloc(n * 100000, n), (error, bytes) => done(bytes.length)));
Promise.all([1, 2, 3].map(deflate)).then(sizes => console.log(sizes));
END
node program.js
