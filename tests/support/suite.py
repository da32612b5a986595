# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""What the tests of a whole host share: a script runs itself again in the sandbox, has the
system log for itself, runs stories side by side and prints TAP.

A story is a function of one Story: a user of its own who does one thing after the other.
Each of its checks is one named test. Stories run at the same time, because most of what
they do is waiting for the next code.

    def story(s):
        done = host.login(...)
        s.check("a right code gets in", done.got_in, done)

    suite.main(__file__, [story, ...], prepare)
"""

import concurrent.futures
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import traceback

import host

TOOLS = ("sshd", "ssh", "sudo", "su", "oathtool", "zbarimg", "faketime", "useradd")
AT_ONCE = 8


class Story:
    """Collects the results of one story."""

    def __init__(self, name):
        self.name = name
        self.results = []

    def check(self, name, claim, *seen):
        """One test. seen: what is shown when the claim is false."""
        self.results.append((bool(claim), name, "\n".join(str(what) for what in seen)))
        return claim

    def equal(self, name, got, expected, *seen):
        return self.check(name, got == expected, f"got      {got!r}", f"expected {expected!r}",
                          *seen)

    def matches(self, name, got, pattern, *seen):
        return self.check(name, isinstance(got, str) and re.fullmatch(pattern, got),
                          f"got     {got!r}", f"pattern {pattern!r}", *seen)


class Syslog(threading.Thread):
    """The system log: /dev/log of this namespace, one datagram a line."""

    MODULE = re.compile(r"pam_totp(?:_enroll)?\(([^:)]*):auth\): (.*)")

    def __init__(self):
        super().__init__(daemon=True)
        self.lines = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        self.start()

    def run(self):
        while True:
            line = self.socket.recv(65536).decode("utf-8", "replace")
            self.lines.append(line.rstrip("\n\0"))

    def settle(self):
        """Everything that was sent before is in lines afterwards: a datagram of ours is
        read after it."""
        mark = f"settled {threading.get_ident()} {time.monotonic_ns()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(mark.encode(), "/dev/log")
        for _ in range(1000):
            if mark in self.lines:
                self.lines.remove(mark)
                return
            time.sleep(0.01)
        raise RuntimeError("the system log is not read")

    def module(self, service, *words):
        """What the module logged for a service, in order: lines that hold all words."""
        self.settle()
        found = []
        for line in list(self.lines):
            match = self.MODULE.search(line)
            if match and match.group(1) == service and \
                    all(word in match.group(2).split(" ") for word in words):
                found.append(match.group(2))
        return found

    def since(self, before, service, *words):
        """The same without the first `before` lines; the only one, or all as one text."""
        return "\n".join(self.module(service, *words)[before:])


LOG = None


def private_dev():
    """A /dev of this mount namespace only, so that /dev/log can be made. The devices are
    the host's, a pseudo-terminal too."""
    base = "/media/dev"
    os.mkdir(base)
    host.run("mount", "-t", "tmpfs", "-o", "mode=0755", "dev", base)
    for node in ("null", "zero", "full", "random", "urandom", "tty"):
        with open(f"{base}/{node}", "wb"):
            pass
        host.run("mount", "--bind", f"/dev/{node}", f"{base}/{node}")
    for folder in ("pts", "shm"):
        os.mkdir(f"{base}/{folder}")
        host.run("mount", "--bind", f"/dev/{folder}", f"{base}/{folder}")
    for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "fd/0"),
                         ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"{base}/{name}")
    host.run("mount", "--rbind", base, "/dev")


def check_logs(story, servers):
    """No log holds a secret, a password, or anything that was typed."""
    LOG.settle()
    texts = list(LOG.lines) + [server.read_log() for server in servers]
    for folder, _, files in os.walk("/var/log"):
        for name in files:
            with open(f"{folder}/{name}", encoding="latin-1") as file:
                texts.append(file.read())
    found = []
    # What the system itself counts: processes, ports, terminals.
    numbers = re.compile(r"\[\d+\]|\b(?:pid|port|uid|euid|user) \d+|\b[A-Z]*ID=\d+")
    for text in texts:
        for line in text.split("\n"):
            words = set(re.findall(r"\w+", numbers.sub("", line)))
            for told in list(host.TOLD):
                # A code is six digits; in a longer word it is chance.
                if told in words if told.isdigit() else told in line:
                    found.append(line)
    story.check(f"no log holds one of {len(host.TOLD)} secrets, passwords and answers, "
                f"in {len(LOG.lines)} lines of the system log",
                not found and len(LOG.lines) > 0, *found)


def tell(function, *arguments):
    """Run one story."""
    story = Story(function.__name__.replace("_", " "))
    began = time.monotonic()
    try:
        function(story, *arguments)
    except Exception:  # whatever it is, the other stories still say what they see
        story.check(f"{story.name}: goes on to its end", False, traceback.format_exc())
    story.seconds = time.monotonic() - began
    return story


def run_stories(stories, servers):
    """Run them side by side, then look through the logs. Prints each one's results in
    order. True: all is well."""
    number, is_well = 0, True
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        told = itertools.chain(pool.map(tell, stories),
                               (tell(check_logs, servers) for _ in range(1)))
        for story in told:
            print(f"# {story.name}: {story.seconds:.0f} s")
            for claim, name, seen in story.results:
                number += 1
                is_well = is_well and claim
                print(f"{'ok' if claim else 'not ok'} {number} - {name}")
                if not claim and seen:
                    print("#   " + seen.rstrip().replace("\n", "\n#   "))
            sys.stdout.flush()
    print(f"1..{number}")
    return is_well


def main(script, stories, prepare):
    """Run the stories in the sandbox, after prepare(), which returns the servers that it
    started. ONLY in the environment: names of stories, for work on one of them."""
    global LOG
    if sys.argv[1:] != ["--inside"]:
        sys.exit(enter(script))
    os.umask(0o022)
    private_dev()
    LOG = Syslog()
    only = os.environ.get("ONLY")
    chosen = [story for story in stories if not only or story.__name__ in only.split()]
    servers = prepare()
    try:
        is_well = run_stories(chosen, servers)
    finally:
        for server in servers:
            server.stop()
    sys.exit(0 if is_well else 1)


def enter(script):
    """Run the script again inside the sandbox; say why not where that cannot be."""
    top = os.environ.get("top_builddir", os.getcwd())
    stage = os.environ.get("STAGE", f"{top}/stage")
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=path)]
    why = "root" if os.getuid() != 0 else " ".join(missing)
    if not why:
        sandbox = os.path.join(host.TOP, "tests/support/sandbox.sh")
        status = subprocess.call([sandbox, stage, sys.executable, os.path.abspath(script),
                                  "--inside"])
        if status != 77:
            return status
        why = "mount namespaces"
    print(f"1..0 # SKIP needs {why}")
    return 0
