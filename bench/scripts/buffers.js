// Objects on the engine's heap, and buffers and strings outside it.
'use strict';
const fs = require('fs');

const turns = Number(process.argv[3]);
let bytes = 0, lines = 0;
const kept = new Map();
for (let turn = 0; turn < turns; turn++) {
  const records = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  for (const record of records) {
    const buffer = Buffer.from(JSON.stringify(record));
    kept.set(record.id % 5000, Buffer.concat([buffer, Buffer.allocUnsafeSlow(record.id % 9000)]));
    bytes += buffer.length;
  }
  lines += records.map((r) => r.name.toUpperCase()).sort().join('\n').split('\n').length;
}
console.log(bytes, lines, kept.size);
