"""Read events, group them, sort them, write the groups: what scripts do with JSON."""
import json
import sys

with open(sys.argv[1], encoding="ascii") as file:
    events = json.load(file)

groups = {}
for event in events:
    for tag in event["tags"]:
        groups.setdefault((tag, event["user"]["name"]), []).append(event)

report = []
for (tag, user), members in sorted(groups.items()):
    times = sorted(time for event in members for time in event["times"])
    report.append({"tag": tag, "user": user, "count": len(members),
                   "median": times[len(times) // 2], "paths": sorted({e["path"] for e in members})})

text = json.dumps(report, indent=1)
again = json.loads(text)
print(len(events), len(report), len(text), sum(entry["count"] for entry in again))
