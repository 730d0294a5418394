"""Read a JSON file, transform it, write it, several times; print a digest."""
import hashlib
import json
import sys

digest = hashlib.sha256()
for turn in range(int(sys.argv[2])):
    with open(sys.argv[1], encoding="utf-8") as file:
        records = json.load(file)
    by_city = {}
    for record in records:
        record["total"] = sum(item["price"] * item["count"] for item in record["items"])
        by_city.setdefault(record["city"], []).append(record)
    for city in by_city.values():
        city.sort(key=lambda r: (-r["total"], r["id"]))
    digest.update(json.dumps([turn, by_city], sort_keys=True).encode())
print(digest.hexdigest())
