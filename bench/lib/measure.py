"""Interleaved runs and what is made of them."""

import math
import statistics
from dataclasses import dataclass, field


class Failed(Exception):
    """One run of one allocator went wrong: a crash, a time-out, a wrong answer."""


@dataclass
class Series:
    """The runs of one allocator in one row, each a dict of figures."""

    runs: list = field(default_factory=list)
    failure: str = ""

    def values(self, key):
        return [r[key] for r in self.runs if isinstance(r.get(key), (int, float))]

    def median(self, key):
        values = self.values(key)
        return statistics.median(values) if values else None

    def spread(self, key):
        """(max - min) / median: how far runs differ from each other. None for a single run."""
        values, median = self.values(key), self.median(key)
        return (max(values) - min(values)) / median if len(values) > 1 and median else None

    def as_json(self, key):
        values = self.values(key)
        if not values:
            return None
        return {"median": self.median(key), "min": min(values), "max": max(values), "runs": values}


def interleave(allocators, runs, run_once, progress):
    """A B C, B C A, ...: a slow phase of the machine falls on all, and nobody is always first."""
    series = {a.name: Series() for a in allocators}
    for number in range(runs):
        start = number % len(allocators)
        for allocator in allocators[start:] + allocators[:start]:
            mine = series[allocator.name]
            if mine.failure:
                continue
            progress(number, allocator.name)
            try:
                mine.runs.append(run_once(allocator))
            except Failed as failure:
                mine.failure = str(failure)
    return series


def best(series, key, among=None):
    medians = {
        name: s.median(key)
        for name, s in series.items()
        if not s.failure and s.median(key) is not None and (among is None or name in among)
    }
    return min(medians.items(), key=lambda item: item[1]) if medians else (None, None)


def ratio(series, name, key, among=None):
    """This allocator's median over the row's best; None if it has none."""
    value, (_, least) = series[name].median(key), best(series, key, among)
    if series[name].failure or value is None or not least:
        return None
    return value / least


def geometric_mean(values):
    values = [v for v in values if v]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None
