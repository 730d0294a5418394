"""Tables for a terminal: colours and wrapping there, plain text in a pipe."""

import os
import shutil
import sys


def on_terminal():
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def styled(text, code):
    return f"\033[{code}m{text}\033[0m" if on_terminal() else text


def number(value):
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(value, ratio, spread):
    """`3.12 1.04x  5%`: median, ratio to the row's best, spread of the runs."""
    if value is None or ratio is None:
        return "FAILED"
    shown = "   -" if spread is None else f"{100 * spread:3.0f}%"
    return f"{number(value)} {ratio:.2f}x {shown}"


def column_groups(widths, first_width):
    """Columns side by side as far as the terminal goes; the rest follow below."""
    limit = shutil.get_terminal_size((160, 24)).columns if sys.stdout.isatty() else 10000
    group, used = [], first_width
    for column, width in enumerate(widths):
        if group and used + width + 2 > limit:
            yield group
            group, used = [], first_width
        group.append(column)
        used += width + 2
    if group:
        yield group


def show(title, heads, rows, marked=frozenset()):
    """`rows` are lists that start with the name; `marked` holds (row, column) to stress."""
    print(f"\n{styled(title, 1)}")
    columns = range(1, len(heads))
    widths = [max(len(r[c]) for r in [heads] + rows) for c in columns]
    first_width = max(len(r[0]) for r in [heads] + rows)
    for group in column_groups(widths, first_width):
        for at, row in enumerate([heads] + rows):
            line = row[0].ljust(first_width)
            for column in group:
                text = row[column + 1].rjust(widths[column])
                line += "  " + (styled(text, "32") if (at - 1, column + 1) in marked else text)
            print(styled(line, 4) if at == 0 else line)
        print()


class Progress:
    """One line on a terminal's stderr that is overwritten; nothing elsewhere."""

    def __init__(self):
        self.visible = sys.stderr.isatty()

    def __call__(self, text):
        if self.visible:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def done(self):
        self("")
