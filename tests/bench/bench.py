#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Measure pam_totp beside libpam-google-authenticator and libpam-oath, and print tables of
ratios as Markdown. `make bench` runs it; it tests nothing and is no part of ./check.

  make bench                            everything, about six minutes on a quiet machine
  make bench BENCH=million              with a store of a million users too (8 GB, minutes more)
  make bench BENCH=quick                the same with tiny numbers, to see that it works
  make bench BENCH=save                 also write the tables to tests/bench/results.md, and
                                        the first of them to README.md
  make bench BENCH='--only login,users --dir /srv'

The stores are made below /var/tmp, which is about as deep as /var/lib/pam_totp.

All lanes run in the same process one after the other, shuffled anew in each round, so that
what disturbs the machine disturbs all of them alike."""

import argparse
import base64
import collections
import os
import random
import re
import sys
import tempfile
import time

import bench_stage
from bench_stage import FIRST_UID, NAMES, PAM_SUCCESS, PEERS, Plan, Stage, median, p99, say

MARKS = ("<!-- make bench BENCH=save writes from here -->", "<!-- to here -->")
SECTIONS = ("login", "counts", "fresh", "users", "parallel", "samecode", "memory", "admin")


# The same order in each run; and no lane always follows the same other one, whose writes it
# might have to wait for.
dice = random.Random(6238)


def shuffled(items):
    return dice.sample(items, len(items))


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def ratio(a, b):
    return "-" if not b else f"{a / b:.2f}" if a < 20 * b else f"{a / b:.0f}"


class Bench:
    """The measurements. Each gives its tables back; targets are collected on the way."""

    def __init__(self, stage, words):
        self.stage = stage
        self.quick = "quick" in words
        self.sizes = (1, 100) if self.quick else (1, 1000, 100_000)
        if "million" in words:
            self.sizes += (1_000_000,)
        self.targets = []

    def amount(self, full, quick):
        return quick if self.quick else full

    def target(self, text, value, is_met):
        self.targets.append((text, value, "met" if is_met else "**missed**"))

    def figure(self, text, value):
        """What no target was set for."""
        self.targets.append((text, value, ""))

    @staticmethod
    def group(results):
        """(lane, kind) -> results. A login of ours with another outcome than planned makes
        the figures worthless."""
        groups = collections.defaultdict(list)
        for r in results:
            groups[r.lane, r.kind].append(r)
            if r.lane.startswith("totp") and r.is_accepted != (r.kind == "accept"):
                raise bench_stage.Failed(f"{r.lane}: {r.kind} ended with {r.code}")
        return groups

    def login(self):
        """One login in a process that goes on living, as sshd's monitor or a greeter."""
        self.stage.fill(1)
        plan = Plan(self.stage)
        lanes = ["floor", "totp-1", "google-1", "oath-1"]
        warm = 5
        for _ in range(self.amount(1000, 20) + warm):
            for lane in shuffled(lanes):
                plan.add(lane)
            for lane in shuffled(lanes[1:]):
                plan.add(lane, "reject")
        results = plan.run()[0][warm * 7:]
        groups = self.group(results)
        us = {key: [r.us for r in rs] for key, rs in groups.items()}
        floor, ours = us["floor", "accept"], us["totp-1", "accept"]
        rows = []
        for kind in ("accept", "reject"):
            for lane in lanes:
                if (lane, kind) not in us:
                    continue
                values = us[lane, kind]
                right = sum(r.is_accepted == (kind == "accept") for r in groups[lane, kind])
                mine = us["totp-1", kind if lane != "floor" else "accept"]
                rows.append((NAMES[lane.split("-")[0]], kind, f"{median(values):.0f}",
                             f"{p99(values):.0f}", ratio(median(values), median(floor)),
                             ratio(median(values), median(mine)),
                             f"{100 * right / len(values):.0f} %"))
        self.target("accept <= 1.7 x the floor", ratio(median(ours), median(floor)),
                    median(ours) <= 1.7 * median(floor))
        for lane, factor in (("google-1", 8), ("oath-1", 2.5)):
            times = median(us[lane, "accept"]) / median(ours)
            at_most = median(us[lane, "accept"]) / median(floor)
            self.target(f"accept: {factor} x faster than {NAMES[lane[:-2]]}",
                        f"{times:.2f} x (the floor: {at_most:.2f} x)", times >= factor)
        return ("One login in a living process, one user",
                table(("module", "code", "median us", "p99 us", "of the floor",
                       "of pam_totp", "as expected"), rows))

    def count_calls(self, lane, kind, logins):
        plan = Plan(self.stage)
        for _ in range(logins):
            plan.add(lane, kind)
        with tempfile.NamedTemporaryFile("r", encoding="ascii") as file:
            plan.run(("strace", "-f", "-c", "-U", "name,calls", "-o", file.name))
            calls = collections.Counter()
            for line in file:
                match = re.fullmatch(r"\s*([a-z_0-9]+)\s+(\d+)\s*", line)
                if match and match[1] != "total":
                    calls[match[1]] += int(match[2])
        return calls

    def count_instructions(self, lane, kind, logins):
        plan = Plan(self.stage)
        for _ in range(logins):
            plan.add(lane, kind)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out")
            plan.run(("valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={path}"))
            with open(path, encoding="ascii", errors="replace") as file:
                total = re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M)
        return int(total[1])

    def counts(self):
        """Free of noise: what one login more costs, by the difference of two runs."""
        self.stage.fill(1)
        few, many = self.amount((5, 45), (2, 6))
        rows = []
        base = None
        for lane, kind in (("floor", "accept"), *((f"{name}-1", kind) for kind in
                           ("accept", "reject") for name in ("totp", *PEERS))):
            say(f"counting {lane}, {kind}")
            less, more = (self.count_calls(lane, kind, n) for n in (few, many))
            calls = {name: (more[name] - less[name]) / (many - few) for name in more}
            less, more = (self.count_instructions(lane, kind, n) for n in (few, many))
            instructions = (more - less) / (many - few)
            one = (self.count_instructions(lane, kind, 1) -
                   self.count_instructions(lane, kind, 0))
            base = base or instructions
            rows.append((NAMES[lane.split("-")[0]], kind, f"{sum(calls.values()):.0f}",
                         f"{calls.get('fsync', 0) + calls.get('fdatasync', 0):.0f}",
                         f"{calls.get('rename', 0) + calls.get('unlink', 0):.0f}",
                         f"{instructions / 1000:.0f}", f"{one / 1000:.0f}"))
            if kind == "accept":
                self.figure(f"one accepted login of {NAMES[lane.split('-')[0]]}",
                            f"{rows[-1][2]} system calls, {rows[-1][5]}k instructions")
        return ("System calls and instructions of one login",
                table(("module", "code", "system calls", "syncs", "renames and unlinks",
                       "1000 instructions", "1000 instructions, first of a process"), rows))

    def fresh(self):
        """The first login of a process that has not loaded libcrypto: su and sudo."""
        self.stage.fill(1)
        kinds = [("floor", ""), ("totp-1", ""), ("totp-1", "libcrypto.so.3"),
                 ("google-1", ""), ("oath-1", "")]
        us = collections.defaultdict(list)
        for _ in range(self.amount(200, 5)):
            for lane, preload in shuffled(kinds):
                plan = Plan(self.stage)
                plan.add(lane)
                environment = dict(os.environ)
                if preload:
                    environment["LD_PRELOAD"] = preload
                result = plan.run(environment=environment)[0][0]
                if lane.startswith("totp") and not result.is_accepted:
                    raise bench_stage.Failed(f"{lane}: not accepted")
                us[lane, preload].append(result.us)
        google = median(us["google-1", ""])
        rows = [(NAMES[lane.split("-")[0]] + (", libcrypto mapped before" if preload else ""),
                 f"{median(values):.0f}", f"{p99(values):.0f}",
                 ratio(median(values), median(us["floor", ""])),
                 ratio(median(values), google))
                for (lane, preload), values in us.items()]
        ours = median(us["totp-1", ""])
        self.target("first login of a process: not slower than google-authenticator",
                    f"{ours / google:.2f} x its time", ours <= google)
        return ("First login of a process that has not loaded libcrypto",
                table(("module", "median us", "p99 us", "of the floor",
                       "of google-authenticator"), sorted(rows, key=lambda r: int(r[1]))))

    def users(self):
        """Does a login cost more when there are more users?"""
        sizes = self.sizes
        rounds = self.amount(400, 6)
        sample = 20
        lanes = []
        for size in sizes:
            kinds = [kind for kind in ("totp", *PEERS)
                     if kind != "google" or size <= 100_000]
            self.stage.fill(size, kinds)
            lanes += [(kind, size) for kind in kinds]
        plan = Plan(self.stage)
        for kind, size in lanes:  # what no cache has seen yet is not what is asked
            for i in range(1 if kind == "oath" else min(size, sample)):
                plan.add(f"{kind}-{size}", user=i * size // min(size, sample))
        warm = len(plan.logins)
        for i in range(rounds):
            for kind, size in shuffled(lanes):
                # One login of the largest takes more than a second.
                every = 1 if kind != "oath" or size < 10_000 else \
                    rounds // (10 if size <= 100_000 else 3)
                if i % max(every, 1) == 0:
                    n = min(size, sample)
                    plan.add(f"{kind}-{size}", user=i % n * size // n)
        groups = self.group(plan.run()[0][warm:])
        middle = {lane: median([r.us for r in rs]) for (lane, _), rs in groups.items()}
        rows = []
        for size in sizes:
            row = [f"{size:,}"]
            for kind in ("totp", *PEERS):
                lane = f"{kind}-{size}"
                row += [f"{middle[lane]:.0f}", ratio(middle[lane], middle[f"{kind}-1"])] \
                    if lane in middle else ["-", "-"]
            row.append(ratio(middle[f"oath-{size}"], middle[f"totp-{size}"]))
            rows.append(row)
        last = sizes[-1]
        growth = max(middle[f"totp-{size}"] for size in sizes) / middle["totp-1"]
        self.target(f"flat (<= 1.1 x) from one to {last:,} users", f"{growth:.2f} x",
                    growth <= 1.1)
        big = 100_000 if not self.quick else last
        times = middle[f"oath-{big}"] / middle[f"totp-{big}"]
        self.target(f"150 x faster than pam_oath at {big:,} users", f"{times:.0f} x",
                    times >= 150)
        return ("Accepted logins by the number of enrolled users (median us)",
                table(("users", "pam_totp", "of one user", "google-authenticator",
                       "of one user", "pam_oath", "of one user", "pam_oath / pam_totp"), rows))

    def parallel(self):
        """Different users at once: nobody waits for another, and nobody is refused."""
        workers = self.amount((1, 2, 4, 8, 16, 32), (1, 4))
        each = {"totp": self.amount(200, 5), "google": self.amount(100, 5),
                "oath": self.amount(30, 5), "floor": self.amount(200, 5)}
        self.stage.fill(workers[-1])
        rows = []
        accepted = collections.Counter()
        for count in workers:
            row = [count]
            for kind in ("floor", "totp", *PEERS):
                plan = Plan(self.stage)
                lane = "floor" if kind == "floor" else f"{kind}-{workers[-1]}"
                # In turn 0 each process logs in once: its first login is measured elsewhere.
                for i in range(each[kind] + 1):
                    step = self.stage.next_step()
                    for worker in range(count):
                        plan.add(lane, user=worker, step=step, worker=worker, turn=min(i, 1))
                results = plan.run()[0][count:]
                wall = max(r.end_s for r in results) - min(r.begin_s for r in results)
                right = sum(r.is_accepted for r in results)
                row.append(f"{right / wall:.0f}")
                if kind != "floor":
                    row.append(f"{100 * right / len(results):.1f} %")
                    accepted[kind] += len(results) - right
            rows.append(row)
        self.target(f"1 to {workers[-1]} users at once: all accepted",
                    f"{accepted['totp']} refused; {NAMES['google']} {accepted['google']}, "
                    f"{NAMES['oath']} {accepted['oath']}", accepted["totp"] == 0)
        self.figure(f"logins a second, {workers[-1]} at once",
                    f"{rows[-1][2]}; {NAMES['google']} {rows[-1][4]}, "
                    f"{NAMES['oath']} {rows[-1][6]}")
        return ("Throughput: accepted logins a second, different users at once",
                table(("at once", "floor", "pam_totp", "accepted", "google-authenticator",
                       "accepted", "pam_oath", "accepted"), rows))

    def samecode(self):
        """One user and one code, presented by many at the same moment."""
        workers = self.amount(16, 4)
        rounds = self.amount(100, 3)
        size = self.amount(32, 4)
        self.stage.fill(size)
        rows = []
        for kind in ("totp", *PEERS):
            plan = Plan(self.stage)
            for turn in range(rounds):
                step = self.stage.next_step()
                for worker in range(workers):
                    plan.add(f"{kind}-{size}", step=step, worker=worker, turn=turn)
            accepted = collections.Counter()
            for r in plan.run()[0]:
                accepted[r.step] += r.code == PAM_SUCCESS
            counts = sorted(accepted.values())
            rows.append((NAMES[kind], f"{sum(counts) / rounds:.2f}", counts[0], counts[-1],
                         f"{100 * sum(n > 1 for n in counts) / rounds:.0f} %"))
        self.target(f"{workers} logins with one code: exactly one accepted",
                    f"{rows[0][2]} to {rows[0][3]}; " + ", ".join(
                        f"{row[0]} {row[2]} to {row[3]}" for row in rows[1:]),
                    rows[0][2:4] == (1, 1))
        return (f"One user, one code, {workers} at once, {rounds} rounds: logins accepted "
                "with the one code",
                table(("module", "mean", "least", "most", "rounds with more than one"), rows))

    def memory(self):
        """What a host process grows by."""
        logins = self.amount(10_000, 50)
        self.stage.fill(1)
        rows = []
        for lane in ("floor", "totp-1", "google-1", "oath-1"):
            say(f"{logins} logins of {lane}")
            plan = Plan(self.stage)
            plan.look_at_memory()
            plan.add(lane)
            plan.look_at_memory()
            # Arenas and caches have their size after a few.
            for _ in range(20):
                plan.add(lane)
            plan.look_at_memory()
            for _ in range(logins):
                plan.add(lane)
            plan.look_at_memory()
            looks = plan.run()[1]
            first = [looks[1][i] - looks[0][i] for i in (0, 1)]
            later = [looks[3][i] - looks[2][i] for i in (0, 1)]
            rows.append((NAMES[lane.split("-")[0]], first[0], first[1], later[0], later[1]))
            if lane == "totp-1":
                self.target(f"{logins} logins: the host does not grow",
                            f"{later[1]} kB private", later[1] <= 64)
        self.figure("the first login's growth of the host, private",
                    ", ".join(f"{row[0]} {row[2]} kB" for row in rows[1:]))
        return (f"Memory of the host (kB): by the first login, and by {logins} more",
                table(("module", "first: resident", "of it private", "more: resident",
                       "of it private"), rows))

    def admin(self):
        """Provisioning one by one, and the list of all users."""
        stage = self.stage
        program = os.path.join(stage.build, "utils/totp-admin")
        count = self.amount(1000, 10)
        store = os.path.join(stage.dir, "admin")
        files = os.path.join(stage.dir, "admin-google")
        os.mkdir(store, 0o700)
        os.mkdir(os.path.join(store, "secrets"), 0o700)
        os.mkdir(files, 0o700)
        seconds = collections.Counter()

        def add(folder, user):
            key = base64.b32encode(os.urandom(20)).decode() + "\n"
            bench_stage.run(program, "--store", f"file:{folder}", "add", f"u{user:07}", "phone",
                            "--secret-file", "-", "--uid", str(FIRST_UID + user), input=key)

        for i in range(count):
            begin = time.monotonic()
            add(store, i)
            middle = time.monotonic()
            bench_stage.run("google-authenticator", "-t", "-d", "-f", "-w", "3", "-u", "-q",
                            "-C", "-Q", "NONE", "-s", os.path.join(files, f"u{i:07}"),
                            input="")
            seconds["totp"] += middle - begin
            seconds["google"] += time.monotonic() - middle
        rows = [("totp-admin add, one program a user", count,
                 f"{count / seconds['totp']:.0f}", "-"),
                ("google-authenticator, one program a user", count,
                 f"{count / seconds['google']:.0f}", "-")]
        self.figure("users made a second, one program each",
                    f"totp-admin add {rows[0][2]}, google-authenticator {rows[1][2]}")
        size = self.amount(100_000, 100)
        stage.fill(size, ("totp",))
        verbs = bench_stage.run(program, "--help")
        for verb in ("list", "report"):
            if not re.search(rf"^  {verb}\b", verbs, re.M):
                continue
            lines, seconds, megabytes = bench_stage.watch(
                program, "--store", f"file:{stage.counts['totp', size]}", verb)
            if len(lines) < size:
                raise bench_stage.Failed(f"totp-admin {verb}: lines are missing")
            rows.append((f"totp-admin {verb}", size, f"{size / seconds:.0f}",
                         f"{megabytes:.0f}"))
            self.figure(f"totp-admin {verb}, {size:,} users",
                        f"{seconds:.1f} s, {megabytes:.0f} MB")
        # Each looks through all secrets, as no two devices may have the same.
        begin = time.monotonic()
        for i in range(3):
            add(stage.counts["totp", size], size + i)
        each = (time.monotonic() - begin) / 3
        rows.append((f"totp-admin add, beside {size:,} others", 3, f"{1 / each:.1f}", "-"))
        self.figure(f"totp-admin add beside {size:,} users, each", f"{each:.2f} s")
        return ("Administration", table(("what", "users", "users a second", "MB"), rows))


def put_into_readme(text):
    """Between the two marks of README.md, which must be there."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../README.md")
    with open(path, encoding="utf-8") as file:
        before, first, rest = file.read().partition(MARKS[0])
        _, last, after = rest.partition(MARKS[1])
    if not first or not last:
        raise bench_stage.Failed(f"README.md: expected {MARKS[0]} and {MARKS[1]}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{MARKS[0]}\n{text}{MARKS[1]}{after}")


def main():
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="quick | million | save")
    parser.add_argument("--build", default=os.getcwd(), help="the build directory")
    parser.add_argument("--dir", default="/var/tmp", help="where the stores are made "
                        "[%(default)s]; it must be on a real disk and safe for root")
    parser.add_argument("--only", default=",".join(SECTIONS), help="some of: %(default)s")
    options = parser.parse_args()
    sections = options.only.split(",")
    if set(options.words) - {"quick", "million", "save"} or set(sections) - set(SECTIONS):
        parser.error("unknown word or section")
    if os.geteuid() != 0:
        say("needs root: the modules refuse files that others own")
        return 1
    quick = "quick" in options.words
    out = []
    command = re.sub(r"--build \S+ ?", "", " ".join(sys.argv[1:])).strip()
    command = f"make bench BENCH='{command}'" if " " in command else \
        f"make bench BENCH={command}" if command else "make bench"
    try:
        machine = bench_stage.describe_machine(options.dir)
        with Stage(options.build, options.dir) as stage:
            bench = Bench(stage, options.words)
            for name in sections:
                begin = time.monotonic()
                title, text = getattr(bench, name)()
                out.append(f"### {title}\n\n{text}")
                print(out[-1], flush=True)
                say(f"--- {name}: {time.monotonic() - begin:.0f} s")
    except (bench_stage.Failed, OSError) as error:
        say(error)
        return 1
    head = (f"Measured by `{command}` on {machine}. All modules see the same users, "
            "secrets, clock, accounts and system log, and window +-1; "
            "medians of interleaved logins from pam_start to pam_end. "
            f"Load at the end: {os.getloadavg()[0]:.1f}.\n")
    if quick:
        head += "\n**A quick run: too few logins for any figure to mean something.**\n"
    summary = table(("what", "measured", "target"), bench.targets)
    print(f"{head}\n{summary}", flush=True)
    if "save" in options.words:
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results.md")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"# Results\n\n{head}\n{summary}\n" + "\n".join(out))
        if not quick and sections == list(SECTIONS):
            put_into_readme(f"{head}\n{summary}")
        say(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
