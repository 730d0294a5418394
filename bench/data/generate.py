"""Input for the real programs: the same bytes from the same size, on every machine."""

import json
import os
import random

NAMES = ["ada", "ben", "cleo", "dan", "eva", "finn", "gus", "hana", "ivo", "june", "kai", "lou"]
CITIES = ["Aarhus", "Bergen", "Cork", "Delft", "Espoo", "Ghent", "Kiel", "Lille", "Malmö", "Porto"]


def word(draw):
    return "".join(draw.choice("aeioubcdfghklmnprstvz") for _ in range(draw.randrange(2, 9)))


def vocabulary(draw, size):
    return [word(draw) for _ in range(size)]


def records(count):
    draw = random.Random(1)
    words = vocabulary(draw, 3000)
    return [{
        "id": number,
        "name": f"{draw.choice(NAMES)} {draw.choice(words)}",
        "city": draw.choice(CITIES),
        "score": draw.randrange(10000) / 8,
        "active": draw.random() < 0.7,
        "note": " ".join(draw.choice(words) for _ in range(draw.randrange(3, 25))),
        "items": [{"sku": draw.choice(words), "price": draw.randrange(1, 5000),
                   "count": draw.randrange(1, 9)} for _ in range(draw.randrange(6))],
    } for number in range(count)]


def write_json(path, count):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(records(count), file, ensure_ascii=False)


def write_xml(path, count):
    with open(path, "w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<people>')
        for record in records(count):
            file.write(f'<person id="{record["id"]}" city="{record["city"]}"><name>{record["name"]}'
                       f'</name><note>{record["note"]}</note>')
            for item in record["items"]:
                file.write(f'<item sku="{item["sku"]}" count="{item["count"]}">'
                           f'{item["price"]}</item>')
            file.write("</person>")
        file.write("</people>\n")


def write_text(path, lines):
    draw = random.Random(2)
    words = vocabulary(draw, 4000)
    with open(path, "w", encoding="ascii") as file:
        for _ in range(lines):
            picked = (words[int(draw.paretovariate(0.8)) % len(words)] for _ in range(12))
            file.write(" ".join(picked) + "\n")


SQL_QUERIES = """\
CREATE INDEX person_city ON person(city, score);
CREATE INDEX item_person ON item(person);
SELECT city, count(*), round(avg(score), 3), max(name) FROM person GROUP BY city ORDER BY city;
SELECT p.city, sum(i.price * i.count) AS total FROM person p JOIN item i ON i.person = p.id
  GROUP BY p.city ORDER BY total DESC;
SELECT sku, count(*) AS n, group_concat(DISTINCT price) FROM item GROUP BY sku
  ORDER BY n DESC, sku LIMIT 40;
SELECT count(*) FROM person WHERE note LIKE '%ra%' AND upper(name) GLOB '*A*';
SELECT substr(note, 1, 40), length(note) FROM person ORDER BY note DESC LIMIT 20;
UPDATE person SET note = note || ' ' || name WHERE id % 3 = 0;
DELETE FROM item WHERE price % 7 = 0;
SELECT count(*), sum(length(note)) FROM person;
SELECT count(*), sum(price) FROM item;
PRAGMA integrity_check;
"""


def write_sql(path, count):
    with open(path, "w", encoding="utf-8") as file:
        file.write("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;\n"
                   "CREATE TABLE person(id INTEGER PRIMARY KEY, name, city, score REAL, note);\n"
                   "CREATE TABLE item(person, sku, price INTEGER, count INTEGER);\n")
        for r in records(count):
            file.write(f"INSERT INTO person VALUES({r['id']},'{r['name']}','{r['city']}',"
                       f"{r['score']},'{r['note']}');\n")
            for i in r["items"]:
                file.write(f"INSERT INTO item VALUES({r['id']},'{i['sku']}',{i['price']},"
                           f"{i['count']});\n")
        file.write("COMMIT;\n" + SQL_QUERIES)


def resp(*parts):
    """One command as redis reads it from a pipe."""
    out = f"*{len(parts)}\r\n"
    return out + "".join(f"${len(str(p).encode())}\r\n{p}\r\n" for p in parts)


def write_redis(path, count):
    draw = random.Random(4)
    with open(path, "w", encoding="utf-8", newline="") as file:
        for r in records(count):
            file.write(resp("HSET", f"person:{r['id']}", "name", r["name"], "city", r["city"],
                            "note", r["note"]))
            file.write(resp("ZADD", f"score:{r['city']}", r["score"], r["name"]))
            for item in r["items"]:
                file.write(resp("RPUSH", f"basket:{r['id']}", item["sku"]))
            if draw.random() < 0.4:
                file.write(resp("DEL", f"person:{draw.randrange(r['id'] + 1)}"))
            if draw.random() < 0.3:
                file.write(resp("APPEND", f"log:{r['id'] % 500}", r["note"]))


C_FUNCTION = """\
struct node_{n} {{ struct node_{n} *next; long key; double weight[{w}]; }};

static long walk_{n}(const struct node_{n} *list, long limit)
{{
    long sum = {k};
    for (const struct node_{n} *at = list; at; at = at->next) {{
        if (at->key % {m} == 0)
            sum += at->key * {a} + (long)at->weight[(unsigned long)at->key % {w}];
        else if (at->key > limit)
            sum ^= sum << {s} | at->key;
        switch (sum & 7) {{
        case 0: sum += walk_{p}((const struct node_{p} *)0, limit - {a}); break;
        case {c}: sum -= limit * {m}; break;
        default: sum += at->key;
        }}
    }}
    return sum;
}}

"""


def write_c(path, functions):
    draw = random.Random(6)
    with open(path, "w", encoding="ascii") as file:
        file.write("struct node_0 { struct node_0 *next; };\n"
                   "static long walk_0(const struct node_0 *list, long limit) "
                   "{ return list ? limit : 1; }\n\n")
        for n in range(1, functions):
            file.write(C_FUNCTION.format(
                n=n, p=draw.randrange(n), w=draw.randrange(2, 9), k=draw.randrange(100),
                m=draw.randrange(2, 17), a=draw.randrange(1, 99), s=draw.randrange(1, 9),
                c=draw.randrange(1, 7)))
        file.write("long all(long limit)\n{\n    long sum = 0;\n")
        for n in range(functions):
            file.write(f"    sum += walk_{n}((const struct node_{n} *)limit, limit);\n")
        file.write("    return sum;\n}\n")


def git_commit(number, changes):
    message = f"Change {number}\n"
    out = [f"commit refs/heads/main\nmark :{number}\n"
           f"committer Bench <bench@localhost> {1600000000 + 3600 * number} +0000\n"
           f"data {len(message)}\n{message}"]
    if number > 1:
        out.append(f"from :{number - 1}\n")
    for path, text in changes:
        out.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")
    return "".join(out)


def write_git_stream(path, commits):
    """A history for `git fast-import`: a hundred files, each commit edits a few of them."""
    draw = random.Random(8)
    words = vocabulary(draw, 2000)
    files = {f"dir{n % 10}/file{n}.txt": [" ".join(draw.choices(words, k=8)) for _ in range(150)]
             for n in range(100)}
    with open(path, "w", encoding="ascii") as file:
        changed = list(files)
        for number in range(1, commits + 1):
            file.write(git_commit(number, [(p, "\n".join(files[p]) + "\n") for p in changed]))
            changed = draw.sample(sorted(files), 4)
            for name in changed:
                lines = files[name]
                for _ in range(6):
                    lines[draw.randrange(len(lines))] = " ".join(draw.choices(words, k=8))
                lines.insert(draw.randrange(len(lines)), f"line of commit {number}")


# File name -> (writer, full size, quick size)
INPUTS = {
    "records.json": (write_json, 40000, 6000),
    "records.xml": (write_xml, 60000, 8000),
    "words.txt": (write_text, 40000, 6000),
    "build.sql": (write_sql, 60000, 8000),
    "commands.resp": (write_redis, 100000, 12000),
    "program.c": (write_c, 350, 80),
    "history.git": (write_git_stream, 1500, 250),
}


def ensure(directory, name, quick):
    """The path of the input, generated unless a finished one is there."""
    writer, full, less = INPUTS[name]
    path = os.path.join(directory, name)
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(__file__):
        os.makedirs(directory, exist_ok=True)
        writer(path + ".part", less if quick else full)
        os.replace(path + ".part", path)
    return path
