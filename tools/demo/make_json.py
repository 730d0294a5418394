"""Write a JSON file of events: the same one every time."""
import json
import random
import sys

rng = random.Random(1)
WORDS = "amber birch cedar delta ember fjord grove haven islet juniper".split()


def event(number):
    return {
        "id": number,
        "user": {"name": rng.choice(WORDS) + str(rng.randrange(5000)),
                 "age": rng.randrange(16, 90)},
        "tags": rng.sample(WORDS, rng.randrange(1, 6)),
        "path": "/".join(rng.choice(WORDS) for _ in range(rng.randrange(2, 7))),
        "times": [round(rng.expovariate(3), 4) for _ in range(rng.randrange(1, 9))],
        "ok": rng.random() < 0.93,
    }


with open(sys.argv[1], "w", encoding="ascii") as file:
    json.dump([event(number) for number in range(60000)], file)
