"""Objects that come and go: a cache with eviction, trees, strings."""
import collections
import random
import sys


class Node:
    def __init__(self, key, value):
        self.key, self.value, self.left, self.right = key, value, None, None


def insert(root, key, value):
    node = root
    while True:
        if key == node.key:
            node.value = value
            return
        side = "left" if key < node.key else "right"
        child = getattr(node, side)
        if child is None:
            setattr(node, side, Node(key, value))
            return
        node = child


def depth_sum(root):
    total, stack = 0, [(root, 0)]
    while stack:
        node, depth = stack.pop()
        total += depth
        stack += [(child, depth + 1) for child in (node.left, node.right) if child]
    return total


def main(steps):
    draw, cache, total = random.Random(5), collections.OrderedDict(), 0
    root = Node(steps // 2, "root")
    for step in range(steps):
        key = draw.randrange(steps)
        tags = [str(step + i) for i in range(draw.randrange(8))]
        cache[key] = {"name": f"user-{key}", "tags": tags}
        if len(cache) > 20000:
            total += len(cache.popitem(last=False)[1]["tags"])
        if step % 4 == 0:
            insert(root, key, f"value {step}")
    words = " ".join(entry["name"] for entry in cache.values()).replace("user", "client").split()
    print(total, len(cache), depth_sum(root), len(set(words)))


main(int(sys.argv[1]))
