"""The programs bench/run.py measures: what each needs, its input, its command line."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field

from data import generate

from . import build, measure

FIXED_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "GIT_CONFIG_NOSYSTEM": "1"}
SCRIPTS = os.path.join(build.SOURCE, "scripts")
JQ_PROGRAM = ("group_by(.city) | map({city: .[0].city, n: length, skus: (map(.items[].sku) | unique"
              " | length), top: (sort_by(.score) | reverse | .[:3] | map(.name))})")


@dataclass
class Work:
    """Where a run finds its input and may write."""

    quick: bool
    data: str
    scratch: str = ""

    def input(self, name):
        return generate.ensure(self.data, name, self.quick)

    def amount(self, full, quick):
        return str(quick if self.quick else full)

    def script(self, name):
        return os.path.join(SCRIPTS, name)

    def repository(self):
        """A bare repository with the generated history, imported once."""
        stream, path = self.input("history.git"), os.path.join(self.data, "history")
        if not os.path.exists(path):
            part = path + ".part"
            shutil.rmtree(part, ignore_errors=True)
            subprocess.run(["git", "init", "-q", "--bare", part], check=True)
            with open(stream, "rb") as file:
                subprocess.run(["git", "-C", part, "fast-import", "--quiet"], stdin=file,
                               check=True)
            os.rename(part, path)
        return path


@dataclass
class Case:
    name: str
    tool: str  # the program that has to be installed; "" for our own
    command: object  # Work -> argv
    stdin: str = ""  # the name of an input
    env: dict = field(default_factory=dict)

    def available(self):
        return not self.tool or shutil.which(self.tool) is not None

    def prepare(self, work):
        if self.stdin:
            work.input(self.stdin)
        self.command(work)

    def run(self, work, preload, timeout):
        output = os.path.join(work.scratch, "output")
        with open(work.input(self.stdin) if self.stdin else os.devnull, "rb") as stdin, \
                open(output, "wb") as stdout:
            cost = launched(self.command(work), preload, work.scratch, timeout, self.env,
                            stdin=stdin, stdout=stdout)
        return dict(cost, digest=digest_of(output))


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") \
            else hashlib.sha256(file.read()).hexdigest()


def launch_start(argv, preload, scratch, env, **streams):
    environment = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "MALLOC_CONF")}
    environment.update(FIXED_ENVIRONMENT, **env)
    command = [build.launch(), os.path.join(scratch, "cost"), preload or "-", *argv]
    errors = open(os.path.join(scratch, "errors"), "wb")
    with errors:
        return subprocess.Popen(command, env=environment, cwd=scratch, stderr=errors, **streams)


def launch_end(process, scratch, timeout):
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.terminate()  # the launcher kills the program first
        process.wait()
        raise measure.Failed(f"not finished after {timeout} s") from None
    with open(os.path.join(scratch, "cost"), encoding="ascii") as file:
        wall_ns, user_us, sys_us, peak_kib, status = map(int, file.read().split())
    if status:
        with open(os.path.join(scratch, "errors"), encoding="utf-8", errors="replace") as file:
            raise measure.Failed(f"status {status}: {file.read().strip()[-200:]}")
    return {"wall_ms": wall_ns / 1e6, "user_ms": user_us / 1e3, "sys_ms": sys_us / 1e3,
            "cpu_ms": (user_us + sys_us) / 1e3, "peak_mib": peak_kib / 1024}


def launched(argv, preload, scratch, timeout, env, **streams):
    return launch_end(launch_start(argv, preload, scratch, env, **streams), scratch, timeout)


class RedisCase:
    """redis-server on a unix socket under redis-benchmark. The server alone runs on the allocator:
    its processor time and peak count, and the clients' time as wall time."""

    name, tool = "redis", "redis-server"

    def available(self):
        return all(shutil.which(t) for t in ("redis-server", "redis-cli", "redis-benchmark"))

    def prepare(self, work):
        work.input("commands.resp")

    def client(self, work, tool, *arguments, **streams):
        command = [tool, "-s", os.path.join(work.scratch, "socket"), *arguments]
        run = subprocess.run(command, capture_output=True, timeout=120, **streams)
        if run.returncode:
            raise measure.Failed(f"{tool}: {run.stderr.decode(errors='replace').strip()[-200:]}")
        return run.stdout

    def wait_ready(self, work, server):
        for _ in range(500):
            if server.poll() is not None:
                raise measure.Failed(f"redis-server ended at start, see status {server.returncode}")
            try:
                if self.client(work, "redis-cli", "ping").strip() == b"PONG":
                    return
            except measure.Failed:
                pass
            time.sleep(0.02)
        raise measure.Failed("redis-server did not answer")

    def load(self, work):
        """The benchmark's keys are random, so the digest is taken before it."""
        start = time.monotonic()
        with open(work.input("commands.resp"), "rb") as file:
            self.client(work, "redis-cli", "--pipe", stdin=file)
        state = self.client(work, "redis-cli", "debug", "digest")
        state += self.client(work, "redis-cli", "dbsize")
        self.client(work, "redis-benchmark", "-q", "-n", work.amount(200000, 20000), "-c", "20",
                    "-P", "8", "-d", "200", "-r", "20000",
                    "-t", "set,get,incr,lpush,rpop,sadd,hset,zadd")
        return time.monotonic() - start, hashlib.sha256(state).hexdigest()

    def run(self, work, preload, timeout):
        socket = os.path.join(work.scratch, "socket")
        options = ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no",
                   "--enable-debug-command", "local", "--dir", work.scratch]
        server = launch_start(["redis-server", *options], preload, work.scratch, {},
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            self.wait_ready(work, server)
            seconds, digest = self.load(work)
            self.client(work, "redis-cli", "shutdown", "nosave")
        except (measure.Failed, subprocess.TimeoutExpired) as error:
            server.terminate()
            server.wait()
            raise measure.Failed(str(error)) from error
        return dict(launch_end(server, work.scratch, timeout), wall_ms=seconds * 1e3, digest=digest)


def compiler_proper():
    """gcc's cc1, without the driver that only starts it."""
    return subprocess.check_output(["gcc", "-print-prog-name=cc1"], text=True).strip()


def own(name, full, quick):
    """One of our workloads; the amounts are its arguments."""
    return Case(name, "", lambda w: [build.workload(name), *(quick if w.quick else full).split()])


def git_command(work, *arguments):
    return ["git", "-C", work.repository(), "-c", "pack.threads=1", *arguments]


CASES = [
    Case("sqlite3", "sqlite3", lambda w: ["sqlite3", ":memory:"], "build.sql"),
    Case("python-json", "python3", lambda w: [
        sys.executable, w.script("records.py"), w.input("records.json"), w.amount(2, 1)]),
    Case("python-objects", "python3", lambda w: [
        sys.executable, w.script("objects.py"), w.amount(150000, 20000)],
        env={"PYTHONMALLOC": "malloc"}),
    RedisCase(),
    Case("perl", "perl", lambda w: ["perl", w.script("words.pl")], "words.txt"),
    Case("cc1", "gcc", lambda w: [
        compiler_proper(), "-quiet", "-O1", w.input("program.c"), "-o", "-"]),
    Case("lua", "lua5.4", lambda w: ["lua5.4", w.script("tables.lua"), w.amount(80000, 20000)]),
    Case("jq", "jq", lambda w: ["jq", JQ_PROGRAM, w.input("records.json")]),
    Case("xmllint", "xmllint", lambda w: ["xmllint", "--format", w.input("records.xml")]),
    Case("git-log", "git", lambda w: git_command(w, "log", "-p", "--stat", "main")),
    Case("git-pack", "git", lambda w: git_command(
        w, "pack-objects", "--all", "--no-reuse-delta", "--no-reuse-object", "--stdout", "-q")),
    Case("node", "node", lambda w: [
        "node", w.script("buffers.js"), w.input("records.json"), w.amount(2, 1)]),
    own("server", "4 120000", "4 10000"),
    own("stress", "4 400000", "2 60000"),
    own("scratch", "2 600000", "2 60000"),
    own("relay", "2 2000", "2 200"),
    own("blocks", "300", "60"),
    own("mixed", "2 3000", "2 300"),
]
