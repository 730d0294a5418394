"""The input of the real programs: generated, the same every time."""

import json
import random

WORDS = ("arena block chunk drop heap idle juggle kernel lazy map node object page quick region "
         "slab thread unmap vector wide yield zero").split()


def words(rng, count):
    return " ".join(rng.choice(WORDS) for _ in range(count))


def make_text(folder, rng):
    with open(folder / "text.txt", "w") as file:
        for number in range(20000):
            file.write(f"{number} {words(rng, rng.randrange(3, 14))} {rng.random():.6f}\n")
    with open(folder / "table.csv", "w") as file:
        file.write("id,name,value,group\n")
        for number in range(20000):
            file.write(f"{number},{words(rng, 2)},{rng.randrange(100000)},{rng.choice(WORDS)}\n")
    lines = (folder / "text.txt").read_text().splitlines(keepends=True)
    for _ in range(500):
        lines[rng.randrange(len(lines))] = words(rng, 5) + "\n"
    (folder / "changed.txt").write_text("".join(lines))


def make_documents(folder, rng):
    records = [{"id": n, "name": words(rng, 3), "tags": [rng.choice(WORDS) for _ in range(4)],
                "nested": {"value": rng.random(), "list": list(range(n % 9))}}
               for n in range(15000)]
    (folder / "data.json").write_text(json.dumps(records))
    with open(folder / "data.xml", "w") as file:
        file.write("<?xml version='1.0'?>\n<records>\n")
        for record in records[:8000]:
            file.write(f"<record id='{record['id']}'><name>{record['name']}</name>"
                       f"<value>{record['nested']['value']}</value></record>\n")
        file.write("</records>\n")


PROGRAM = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct item { int key; char name[24]; struct item *next; };
static int order(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(void)
{
    struct item *list = NULL;
    int keys[1000];
    for (int i = 0; i < 1000; i++) {
        struct item *item = malloc(sizeof *item);
        item->key = keys[i] = (i * 7919) % 1009;
        snprintf(item->name, sizeof item->name, "item %d", i);
        item->next = list;
        list = item;
    }
    qsort(keys, 1000, sizeof *keys, order);
    long sum = 0;
    while (list) {
        struct item *next = list->next;
        sum += list->key * (long)strlen(list->name);
        free(list);
        list = next;
    }
    printf("%d %d %ld\\n", keys[0], keys[999], sum);
    return 0;
}
"""

CXX_PROGRAM = """#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <vector>
int main()
{
    std::map<std::string, std::vector<int>> groups;
    for (int i = 0; i < 5000; i++)
        groups["group " + std::to_string(i % 97)].push_back(i * 31 % 1009);
    long sum = 0;
    for (auto &[name, values] : groups) {
        std::sort(values.begin(), values.end());
        sum += values.front() * long(name.size()) + values.back();
    }
    std::regex pattern("group ([0-9]+)");
    std::smatch match;
    std::string name = groups.rbegin()->first;
    auto owner = std::make_shared<std::string>(std::regex_match(name, match, pattern)
                                                   ? match[1].str() : "none");
    std::cout << sum << ' ' << *owner << '\\n';
}
"""


def make_sources(folder):
    (folder / "program.c").write_text(PROGRAM)
    (folder / "program.cc").write_text(CXX_PROGRAM)
    project = folder / "project"
    project.mkdir()
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(sample C)\n"
        "add_library(part STATIC part.c)\nadd_executable(sample main.c)\n"
        "target_link_libraries(sample part)\n")
    (project / "part.c").write_text("int part(int x) { return x * 3 + 1; }\n")
    (project / "main.c").write_text(
        '#include <stdio.h>\nint part(int);\n'
        'int main(void) { printf("%d\\n", part(14)); return 0; }\n')
    (project / "Makefile").write_text(
        "OBJECTS := main.o part.o\nsample: $(OBJECTS)\n\t$(CC) -o $@ $^\n"
        "%.o: %.c\n\t$(CC) -O1 -c -o $@ $<\n"
        "numbers: ; @for i in $(foreach n,1 2 3 4 5,$(n)$(n)); do echo $$i; done\n")


def make(folder):
    folder.mkdir()
    rng = random.Random(20240101)
    make_text(folder, rng)
    make_documents(folder, rng)
    make_sources(folder)
    tree = folder / "tree"
    for number in range(200):
        place = tree / WORDS[number % 7] / WORDS[number % 11]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"file{number}.txt").write_text(words(rng, number) + "\n")
    (folder / "bytes.bin").write_bytes(rng.randbytes(400000) + bytes(200000))
