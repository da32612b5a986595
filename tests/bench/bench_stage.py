# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""What the measurements of bench.py share: the stores and service files of all lanes below
one directory, plans for bench_login, and what is said of the machine.

A lane is a PAM service of that directory: "totp-1000" is our module over a store of a
thousand users, "google-1000" and "oath-1000" the peers with the same users and secrets, and
"floor" is pam_permit with one durable 512-byte write after it. Every login has a step of
its own, later than all before it, so that no lane ever has to wait for the clock."""

import os
import platform
import stat
import statistics
import subprocess
import sys
import tempfile
import time

PERIOD = 30
FIRST_STEP = 60_000_000  # in January 2027
FIRST_UID = 100_000
PEERS = ("google", "oath")
NAMES = {"totp": "pam_totp", "google": "google-authenticator", "oath": "pam_oath",
         "floor": "floor"}
PAM_SUCCESS = 0


class Failed(Exception):
    """A measurement that cannot be trusted."""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command[:3])}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def watch(*command):
    """Run it. Its lines, its wall-clock seconds, and the most memory it had, in MB."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        begin = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begin
        if child.returncode != 0:
            raise Failed(f"{' '.join(command[:3])}: exit {child.returncode}")
        out.seek(0)
        return out.readlines(), seconds, usage.ru_maxrss / 1024


def median(values):
    return statistics.median(values)


def p99(values):
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


def check_path(path):
    """The modules refuse what lies below a directory that others than root can change."""
    while True:
        found = os.stat(path)
        if found.st_uid != 0 or (found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX):
            raise Failed(f"{path} is not root's alone: name another place, as --dir /var/tmp")
        if path == "/":
            return
        path = os.path.dirname(path)


class Result:
    """One line of a plan, measured."""

    def __init__(self, login, line):
        self.lane, self.kind, self.user, self.step = login
        self.code, begin, end = (int(word) for word in line.split())
        self.begin_s, self.end_s = begin / 1e9, end / 1e9
        self.us = (end - begin) / 1e3
        self.is_accepted = self.code == PAM_SUCCESS


class Plan:
    """Lines for bench_login. Codes are filled in at the end, by the phones of all users."""

    def __init__(self, stage):
        self.stage = stage
        self.logins = []

    def add(self, lane, kind="accept", user=0, step=None, worker=0, turn=0):
        """One login; a step of its own unless one is given. kind: accept, or reject for a
        code that fits no step near."""
        if step is None:
            step = self.stage.next_step()
        self.logins.append((lane, kind, user, step, worker, turn))

    def look_at_memory(self):
        self.logins.append(None)

    def text(self):
        codes = self.stage.codes([login for login in self.logins if login])
        lines = []
        for login in self.logins:
            if login is None:
                lines.append("memory")
                continue
            lane, kind, user, step, worker, turn = login
            code = codes[user, step]
            if kind == "reject":
                near = {codes.get((user, step + i)) for i in range(-2, 3)}
                code = next(wrong for wrong in ("135790", "246801", "357912", "468023",
                                                "579134", "680245") if wrong not in near)
            file = self.stage.slot if lane == "floor" else "-"
            lines.append(f"{worker} {turn} {step * PERIOD + PERIOD // 2} u{user:07} "
                         f"{FIRST_UID + user} {code} {lane} {file}")
        return "".join(line + "\n" for line in lines)

    def run(self, prefix=(), environment=None):
        """Measure. The results of the logins, then pairs (resident, private) in kB of the
        looks at memory."""
        output = run(*prefix, self.stage.driver, self.stage.services, input=self.text(),
                     env=environment).splitlines()
        if len(output) != len(self.logins):
            raise Failed("bench_login ended early")
        pairs = list(zip(self.logins, output))
        return ([Result(login[:4], line) for login, line in pairs if login],
                [tuple(map(int, line.split()[1:])) for login, line in pairs if not login])


class Stage:
    """A directory with everything in it, which is gone at the end."""

    def __init__(self, build, parent):
        self.build = build
        self.driver = os.path.join(build, "tests/bench/bench_login")
        self.filler = os.path.join(build, "tests/bench/bench_users")
        self.module = os.path.join(build, "pam_totp/.libs/pam_totp.so")
        for path in (self.driver, self.filler, self.module):
            if not os.path.exists(path):
                raise Failed(f"{path} is not there: run `make bench`")
        check_path(os.path.realpath(parent))
        if run("df", "--output=fstype", parent).split()[-1] in ("tmpfs", "ramfs"):
            raise Failed(f"{parent} is no disk: name another place, as --dir /srv")
        # Not random: its length is part of what is measured, a directory a step.
        self.dir = os.path.join(os.path.realpath(parent), "pam_totp-bench")
        self.services = os.path.join(self.dir, "pam.d")
        self.slot = os.path.join(self.dir, "slot")
        self.counts = {}
        self.step = FIRST_STEP

    def __enter__(self):
        if os.path.exists(self.dir):
            raise Failed(f"{self.dir} is there: of another run, or left by a killed one")
        os.mkdir(self.dir, 0o755)
        os.mkdir(self.services, 0o755)
        self.write(self.slot, "\0" * 1024)
        self.write_service("floor", "pam_permit.so")
        self.write_service("other", "pam_deny.so")
        return self

    def __exit__(self, *_):
        say("cleaning up")
        run("rm", "-rf", self.dir)

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def write_service(self, name, module):
        self.write(os.path.join(self.services, name), f"auth required {module}\n")

    def next_step(self):
        self.step += 1
        return self.step

    def fill(self, count, kinds=("totp", *PEERS)):
        """Make the stores of so many users unless they are there."""
        for kind in kinds:
            if (kind, count) in self.counts:
                continue
            say(f"{count} users for {NAMES[kind]}")
            store = os.path.join(self.dir, f"{kind}-{count}")
            run(self.filler, kind, store, str(count))
            self.counts[kind, count] = store
            lane = f"{kind}-{count}"
            if kind == "totp":
                # Waits and locks are for a person; a refusal must cost what it costs.
                self.write(store + ".conf", f"store = file:{store}\nwindow = 1\n"
                           "throttle_after = 1000\nlock_after = 1000\n")
                self.write_service(lane, f"{self.module} conf={store}.conf")
            elif kind == "google":
                self.write_service(lane, "pam_google_authenticator.so "
                                   f"secret={store}/${{USER}} user=root no_strict_owner")
            else:
                self.write_service(lane, f"pam_oath.so usersfile={store} window=1")

    def codes(self, logins):
        """(user, step) -> code, for all logins and the steps around them."""
        if not logins:
            return {}
        first = min(login[3] for login in logins) - 2
        count = max(login[3] for login in logins) + 3 - first
        users = sorted({login[2] for login in logins})
        text = run(self.filler, "codes", str(first), str(count), *map(str, users))
        return {(int(user), int(step)): code
                for user, step, code in map(str.split, text.splitlines())}


def packages():
    names = ["libpam-google-authenticator", "libpam-oath", "libpam0g", "libssl3", "libc6"]
    try:
        text = run("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *names)
    except (Failed, OSError):
        return "unknown packages"
    return ", ".join(text.split("\n")).strip(", ")


def describe_machine(directory):
    """A few words about what was measured on; no names of machines."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = next((line.split(":", 1)[1].strip() for line in file
                      if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30
    kind = run("df", "--output=fstype", directory).split()[-1]
    hypervisor = ""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        if any(line.startswith("flags") and " hypervisor" in line for line in file):
            hypervisor = ", virtual machine"
    load = os.getloadavg()[0]
    return (f"{os.cpu_count()} x {model}{hypervisor}, {memory:.0f} GiB, Linux "
            f"{platform.release().split('-')[0]}, {kind}, load {load:.1f} at the start"
            f"{' (NOT QUIET)' if load > os.cpu_count() / 2 else ''}; "
            f"{packages()}")
