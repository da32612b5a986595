#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""totp-helper under a caller who attacks it while it works, or starts it in a way that no shell
does: signals in a loop, ptrace, stopped and frozen processes, too many of them, no argv, a
huge one, odd limits, umask and directory, an endless protocol. What helper_hostile.py has
of what is inherited is not repeated. And recovery codes as proof, also of many at once.
"""

import ctypes
import fcntl
import os
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
from helper_client import (  # noqa: E402
    CONF, HELPER, Helper, LOG, STORE, active, as_user, check, devices, enrol, equal, run, status,
    stored, uid_of)

USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
SLOTS = 16
F_OFD_SETLK = 37
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
LIBC = ctypes.CDLL(None, use_errno=True)
KEPT = {}


def works(h, user=None):
    """It does what it is there for, whatever was done to it."""
    h.send("request", op="status")
    equal(h.expect("status")["user"], user or h.user)
    h.done(0)


def prepare():
    for name in ("alice", "bob"):
        KEPT[name] = enrol(name, period=15)


def test_places():
    """A waiting helper is root's process, so the caller's RLIMIT_NPROC does not bound it."""
    def few():
        resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))
    held = [Helper("carol", setup=few) for _ in range(SLOTS)]
    for _ in range(3):
        text = Helper("carol", hello=False).done(8)
        check("16 programs of yours" in text, text)
    LOG.find("event=start", "result=refused", "reason=too-many", "user=carol")
    works(Helper("dave"))
    works(Helper("root"))
    # However it ends, its place is free again.
    held[0].process.stdin.close()
    held[0].done(1)
    os.kill(held[1].process.pid, signal.SIGKILL)
    held[1].process.wait()
    again = [Helper("carol"), Helper("carol")]
    Helper("carol", hello=False).done(8)
    for h in held[2:] + again:
        works(h)
    works(Helper("carol"))
    info = os.stat("/run/pam_totp/.helpers")
    equal((info.st_uid, info.st_mode & 0o7777, info.st_size), (0, 0o600, 0))
    for command in (["cat", "/run/pam_totp/.helpers"], ["ls", "/run/pam_totp"]):
        check(as_user(uid_of("carol"), *command).returncode != 0, command)


def test_places_cannot_be_counted():
    """A file that is not root's alone is refused, not believed."""
    path = "/run/pam_totp/.helpers"
    os.chmod(path, 0o666)
    try:
        Helper("carol", hello=False).done(1)
        LOG.find("event=error", "user=carol", ".helpers")
    finally:
        os.chmod(path, 0o600)
    works(Helper("carol"))


def test_signals_in_a_loop():
    """All of them, by its user, while it works: it ends well or not at all, and what was on disk
    is whole."""
    numbers = [n for n in range(1, 65) if n not in (32, 33)]
    before = stored("alice")["secrets"]
    failures = 0
    for _ in range(5):
        h = Helper("alice", hello=False)
        stop = threading.Event()

        def shoot(pid=h.process.pid, ended=stop):
            script = ("import os,sys\npid=int(sys.argv[1])\n"
                      "while True:\n for n in map(int, sys.argv[2].split(',')):\n"
                      "  try: os.kill(pid, n)\n  except PermissionError: pass\n"
                      "  except ProcessLookupError: sys.exit()\n")
            with subprocess.Popen([sys.executable, "-c", script, str(pid),
                                   ",".join(map(str, numbers))], user=uid_of("alice"),
                                  group=uid_of("alice"), extra_groups=[]) as gun:
                ended.wait()
                gun.kill()
        gunner = threading.Thread(target=shoot)
        gunner.start()
        try:
            if h.receive()[0] == "hello":
                time.sleep(0.3)
                works(h)
            else:
                failures += 1
        except BrokenPipeError:
            failures += 1
        finally:
            stop.set()
            gunner.join()
            h.process.kill()
    check(failures < 5, "hit before its guard every time")
    equal(stored("alice")["secrets"], before)
    equal(active("alice"), ["phone"])


def test_ptrace():
    h = Helper("alice")

    def trace(request):
        read, write = os.pipe()
        if os.fork() == 0:
            os.setgroups([])
            os.setresgid(*[uid_of("alice")] * 3)
            os.setresuid(*[uid_of("alice")] * 3)
            ctypes.set_errno(0)
            got = LIBC.ptrace(request, h.process.pid, None, None)
            os.write(write, struct.pack("ii", got, ctypes.get_errno()))
            os._exit(0)
        os.wait()
        os.close(write)
        answer = struct.unpack("ii", os.read(read, 8))
        os.close(read)
        return answer
    for request in (PTRACE_ATTACH, PTRACE_SEIZE):
        equal(trace(request), (-1, 1), "EPERM")
    works(h)
    # Started under a tracer it has no privilege, and says so.
    done = as_user(uid_of("alice"), "strace", "-o", "/dev/null", HELPER)
    equal(done.returncode, 1)
    check(b"not installed set-uid root, or may not gain" in done.stderr, done.stderr)


def test_stopped_in_pam():
    """While PAM asks, its user may stop it: it holds a place then and no lock, so the same user
    and others go on."""
    h = Helper("alice").add("tablet")
    h.expect("prompt")
    equal(as_user(uid_of("alice"), "kill", "-STOP", str(h.process.pid)).returncode, 0)
    began = time.monotonic()
    works(Helper("alice"))
    verify("alice", "000000", 3)
    verify("bob", "000000", 3)
    check(time.monotonic() - began < 10, "delayed by a stopped helper")
    equal(as_user(uid_of("alice"), "kill", "-CONT", str(h.process.pid)).returncode, 0)
    h.send("abort")
    h.done(1)


def verify(user, code, exit_code):
    h = Helper(user)
    h.send("request", op="verify")
    h.code(code)
    return h.done(exit_code)


def test_frozen_with_the_lock():
    """Its worst moment, as by a control group of its caller's: the lock of the record is held and
    nobody moves. Nobody else notices."""
    with open(f"{STORE}/state/alice", "r+b") as file:
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
        fcntl.fcntl(file, F_OFD_SETLK, lock)
        own = Helper("alice")
        own.send("request", op="verify")
        own.code("000000")
        began = time.monotonic()
        verify("bob", "000000", 3)
        works(Helper("alice"))  # reading takes no lock
        check(time.monotonic() - began < 5, "another user waits")
        check(own.process.poll() is None or own.process.returncode != 0)
    verdict = own.expect("done")
    check(verdict["exit"] in ("1", "3", "8"), verdict)
    # When it is over, so is the waiting.
    began = time.monotonic()
    verify("alice", "000000", 3)
    check(time.monotonic() - began < 5)


def test_no_argv():
    """argc 0 (CVE-2021-4034): the kernel or the helper puts up with it."""
    script = ("import ctypes, sys\nlibc = ctypes.CDLL(None)\n"
              f"libc.execve(b'{HELPER}', (ctypes.c_char_p * 1)(None), "
              "(ctypes.c_char_p * 2)(b'LD_PRELOAD=/tmp/x', None))\n")
    works(Helper("alice", path=sys.executable, args=["-c", script]))


def test_huge_argv():
    for count, size in ((2000, 60), (1, 100000), (1, 0)):
        h = Helper("alice", args=["a" * size] * count, hello=False)
        equal(h.process.stdout.read(), b"")
        equal(h.ended(), 2)
    # So large an environment that it meets the limits of exec.
    works(Helper("alice", env={f"V{i}": "x" * 100000 for i in range(10)}))


def test_umask_and_directory():
    folder = "/var/lib/home/open/gone"
    os.mkdir(os.path.dirname(folder))
    os.chmod(os.path.dirname(folder), 0o777)
    for number, mask in enumerate((0o000, 0o777)):
        os.mkdir(folder)
        os.chmod(folder, 0o777)

        def setup(bits=mask):
            os.umask(bits)
            os.chdir(folder)
            os.rmdir(folder)
        user = ("dave", "erin")[number]
        h = Helper(user, setup=setup).add("phone")
        h.password()
        h.codes(h.secret().fresh())
        h.done(0)
        KEPT[user] = h.recovery
        equal(active(user), ["phone"])
        for part in ("secrets", "state"):
            info = os.stat(f"{STORE}/{part}/{user}")
            equal((info.st_uid, info.st_mode & 0o7777), (0, 0o600), f"{part} under {mask:o}")


def test_odd_limits():
    """Whatever is large, or bounds what is not used here, changes nothing."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for which, value in (
            (resource.RLIMIT_NPROC, 0), (resource.RLIMIT_NPROC, 1), (resource.RLIMIT_CORE, -1),
            (resource.RLIMIT_STACK, -1), (resource.RLIMIT_NOFILE, most),
            (resource.RLIMIT_MEMLOCK, 0), (resource.RLIMIT_SIGPENDING, 0),
            (resource.RLIMIT_MSGQUEUE, 0), (resource.RLIMIT_NICE, 0), (resource.RLIMIT_RTPRIO, 0),
            (resource.RLIMIT_RSS, 0), (resource.RLIMIT_AS, 1 << 28),
            (resource.RLIMIT_FSIZE, -1), (resource.RLIMIT_CPU, -1), (resource.RLIMIT_DATA, -1)):
        def setup(limit=which, bound=value):
            resource.setrlimit(limit, (bound, bound))
        h = Helper("alice", setup=setup)
        with open(f"/proc/{h.process.pid}/limits", encoding="ascii") as file:
            check(re.search(r"Max core file size +0 +0 ", file.read()), "no core image")
        works(h)
    # A lazy caller: the least of the processor is enough.
    h = Helper("alice", setup=lambda: os.nice(19))
    works(h)


def test_endless_protocol():
    """A line without an end, and lines without an end of them."""
    for data in (b"a" * 65536, b"hello version=1 user=root\n" * 4096):
        h = Helper("alice")
        sent = 0
        try:
            while sent < 64 << 20:
                h.raw(data)
                sent += len(data)
        except BrokenPipeError:
            pass
        check(sent < 1 << 20, "read on after the first that is none")
        h.done(2)
    # A reader who takes nothing: what it has to say fits the pipe, and it is gone.
    h = Helper("alice")
    h.send("request", op="status")
    check(select.select([h.process.stdout], [], [], 10)[0])
    equal(h.process.wait(10), 0)


def test_another_record():
    """By no means of his own does a user touch, read, lock or delay another's."""
    folder = STORE
    before = stored("bob")
    for path in (folder, f"{folder}/secrets", f"{folder}/state/bob", f"{folder}/secrets/bob"):
        for command in (["cat", path], ["ls", path], ["touch", path], ["flock", "-n", path, "true"],
                        ["ln", path, "/tmp/l"], ["mv", path, "/tmp/m"]):
            check(as_user(uid_of("alice"), *command).returncode != 0, command)
    equal(stored("bob"), before)


# --- recovery codes as proof -----------------------------------------------------------------

def request(user, op, name=None, **more):
    h = Helper(user)
    h.send("request", op=op, **({"name": name} if name else {}), **more)
    return h


def test_recovery_as_proof():
    """It is accepted for every change that wants a proof, used up, and what is left is told."""
    codes = list(KEPT["dave"])
    left = 10
    for op, name, more in (("rename", "phone", {"new_name": "mobile"}),
                           ("add", "tablet", {}), ("disable", "mobile", {}),
                           ("delete", "mobile", {}), ("rotate", "tablet", {})):
        code = codes.pop()
        h = request("dave", op, name, **more)
        h.password()
        h.code(code)
        if op in ("add", "rotate"):
            h.codes(h.secret().fresh())
        h.done(0)
        left -= 1
        equal(status("dave")["recovery-left"], str(left), op)
        LOG.find("event=proof", "result=ok", "reason=recovery", "user=dave")
        h = request("dave", "recovery-codes")
        h.password()
        h.code(code)
        h.done(3)
        check(f"{left - 1} are left" in verify("dave", codes.pop(), 0))
        left -= 1
    equal([d["name"] for d in devices("dave") if d["state"] == "active"], ["tablet"])


def test_recovery_is_counted_and_slowed():
    """Wrong ones count, on disk, and the right one waits with them."""
    codes = KEPT["erin"]
    before = stored("erin")["state"]
    for _ in range(5):
        h = request("erin", "rename", "phone", new_name="x")
        h.password()
        h.code("kqvbz-mdxtl-frwng-hspcq")
        h.done(3)
        check(stored("erin")["state"] != before)
        before = stored("erin")["state"]
    request("erin", "rename", "phone", new_name="x").done(9)
    verify("erin", codes[0], 9)
    equal(status("erin")["recovery-left"], "10", "a code that had to wait is not used up")


def test_recovery_of_32_at_once():
    """One code, 32 times in parallel through the helper, some of them as proof of a change: one
    wins. More than there are places for try again."""
    h = Helper("frank").add("phone")
    h.password()
    h.codes(h.secret().fresh())
    h.done(0)
    code = h.recovery[3]
    with open(CONF, "w", encoding="ascii") as file:
        file.write("throttle_after = 1000\nthrottle_delay = 0\n")
    ends = []

    def once(number):
        while True:
            try:
                h = Helper("frank", hello=False)
                verb, message = h.receive()
                if verb == "done":
                    equal(message["exit"], "8")
                    h.ended()
                    time.sleep(0.05)
                    continue
                if number % 2:
                    h.send("request", op="verify")
                else:
                    h.send("request", op="rename", name="phone", new_name=f"name{number}")
                    h.password()
                h.code(code)
                ends.append((h.end(), number))
            except Exception as why:  # told below
                ends.append((repr(why), number))
            return
    try:
        threads = [threading.Thread(target=once, args=(n,)) for n in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        os.unlink(CONF)
    winners = [number for end, number in ends if end == "0"]
    equal(len(winners), 1, f"winners among {sorted(ends)}")
    equal(sorted(end for end, _ in ends), ["0"] + ["3"] * 31)
    equal(status("frank")["recovery-left"], "9")
    wanted = "phone" if winners[0] % 2 else f"name{winners[0]}"
    equal(active("frank"), [wanted])


TESTS = (
    test_places, test_places_cannot_be_counted, test_signals_in_a_loop, test_ptrace,
    test_stopped_in_pam, test_frozen_with_the_lock, test_no_argv, test_huge_argv,
    test_umask_and_directory, test_odd_limits, test_endless_protocol, test_another_record,
    test_recovery_as_proof, test_recovery_is_counted_and_slowed, test_recovery_of_32_at_once,
)

if __name__ == "__main__":
    sys.exit(run(__file__, USERS, TESTS, prepare))
