#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""totp-helper and whatever its caller does to it: identity, descriptors, environment, signals,
limits, and a protocol spoken badly, slowly or not at all. Obligations 1, 2 and 6 of
totp-helper.c and all of helper_guard.c.
"""

import glob
import os
import resource
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
from helper_client import (  # noqa: E402
    HELPER, Helper, PASSWORD, SERVICE, active, as_user, check, enrol, equal, run, status,
    stored, uid_of)

USERS = (
    "alice", "victim", "env", "limits", "slow")


SLOW = {}


def start_slow():
    """A request that never comes to its end: given up after half a minute (see test_slow)."""
    for name in ("drip", "silence"):
        SLOW[name] = (Helper("slow"), time.monotonic())

    def drip():
        try:
            while True:
                SLOW["drip"][0].raw(b"a")
                time.sleep(0.5)
        except (OSError, ValueError):
            pass  # it has given up, as it should

    threading.Thread(target=drip, daemon=True).start()


def proc_lines(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def test_no_arguments():
    h = Helper("alice", args=["--help"], hello=False)
    equal(h.process.stdout.read(), b"")
    check(h.process.stderr.read().startswith(b"usage: "))
    equal(h.ended(), 2)


def test_not_set_uid():
    copy = "/var/lib/home/copy"
    shutil.copy(HELPER, copy)
    os.chmod(copy, 0o755)
    h = Helper("alice", path=copy, hello=False)
    equal(h.process.stdout.read(), b"")
    told = h.process.stderr.read()
    check(b"not installed set-uid root" in told and told.count(b"\n") == 1, told)
    equal(h.ended(), 1)


def test_no_new_privileges():
    h = Helper("alice", path="/usr/bin/setpriv", args=["--no-new-privs", HELPER], hello=False)
    check(b"set-uid" in h.process.stderr.read())
    equal(h.ended(), 1)


def test_uid_without_account():
    h = Helper("nobody-at-all", uid=54321, hello=False)
    h.done(10)


def test_two_names_of_one_uid():
    """The second name's owner is the first name's user: the name must lead back."""
    with open("/etc/passwd", encoding="ascii") as file:
        whole = file.read()
    try:
        with open("/etc/passwd", "w", encoding="ascii") as file:
            file.write("alice:x:3999:3999::/nonexistent:/bin/sh\n" + whole)
        Helper("alice", uid=3001, hello=False).done(10)
    finally:
        with open("/etc/passwd", "w", encoding="ascii") as file:
            file.write(whole)
    status("alice")


def test_environment_names_nobody():
    got = status("alice", env={"USER": "bob", "LOGNAME": "bob", "HOME": "/var/lib/home/bob",
                               "SUDO_USER": "bob", "SUDO_UID": "3002"})
    equal((got["user"], got["uid"]), ("alice", "3001"))


def test_root_is_root():
    equal(status("root")["uid"], "0")


def test_no_way_to_name_another():
    enrol("victim")
    before = stored("victim")
    for pairs in ({"op": "list", "user": "victim"}, {"op": "cancel", "uid": "0"},
                  {"op": "add", "name": "x", "user": "victim"}, {"op": "status", "name": "victim"},
                  {"op": "add", "name": "../secrets/victim"}, {"op": "add", "name": "a/b"}):
        h = Helper("alice")
        h.send("request", **pairs)
        h.done(2)
    h = Helper("alice").add("x")
    h.password(PASSWORD % "victim")
    h.done(10)
    equal(stored("victim"), before, "the store of victim")


def test_process_is_closed():
    h = Helper("alice")
    pid = h.process.pid
    for name in ("maps", "mem", "environ", "auxv", "fd", "stack", "syscall", "io"):
        path = f"/proc/{pid}/{name}"
        command = "ls" if name == "fd" else "cat"
        check(as_user(uid_of("alice"), command, path).returncode != 0, f"{path} is readable")
    for name in ("TERM", "KILL", "STOP"):
        done = as_user(uid_of("alice"), "kill", f"-{name}", str(pid))
        check(done.returncode != 0, f"SIG{name} was taken")
    lines = proc_lines(pid)
    equal(lines["Uid"].split(), ["0"] * 4, "uids")
    equal(lines["Gid"].split(), ["0"] * 4, "gids")
    equal(lines["Groups"].strip(), "", "groups")
    equal(os.readlink(f"/proc/{pid}/cwd"), "/", "directory")
    equal(lines["Umask"], "0077", "umask")
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        core = [line.split()[4:6] for line in file if line.startswith("Max core")]
    equal(core, [["0", "0"]], "core limit")
    h.send("request", op="status")
    h.expect("status")
    h.done(0)


def test_real_uid_in_pam():
    """PAM modules see the caller: pam_rootok lets root in, and nobody else."""
    try:
        with open(SERVICE, "w", encoding="ascii") as file:
            file.write("auth sufficient pam_rootok.so\nauth required pam_deny.so\n"
                       "account required pam_permit.so\n")
        Helper("alice").add("x").done(10)
        h = Helper("root").add("x")
        h.expect("secret")
        h.expect("ask-codes")
        h.send("abort")
        h.done(1)
    finally:
        shutil.copy(SERVICE + ".kept", SERVICE)


def test_descriptors():
    held = os.open("/etc/hostname", os.O_RDONLY)
    os.dup2(held, 700)
    h = Helper("alice", pass_fds=(held, 700))
    fds = sorted(os.listdir(f"/proc/{h.process.pid}/fd"), key=int)
    equal(fds[:3], ["0", "1", "2"])
    # One of its own: that which counts the processes of a user.
    equal([os.readlink(f"/proc/{h.process.pid}/fd/{fd}") for fd in fds[3:]],
          ["/run/pam_totp/.helpers"])
    h.send("request", op="status")
    h.expect("status")
    h.done(0)
    os.close(held)
    os.close(700)


def test_closed_descriptors():
    for closed in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        def setup(which=closed):
            for fd in which:
                os.close(fd)
        before = stored("alice")
        h = Helper("alice", setup=setup, hello=False)
        if closed == (2,):
            h.expect("hello")
            h.send("request", op="status")
            h.expect("status")
            h.done(0)
        else:
            h.process.stdin.close()
            equal(h.ended(), 1, f"closed {closed}")
        equal(stored("alice"), before)


def test_reader_gone():
    h = Helper("alice")
    h.process.stdout.close()
    h.send("request", op="status")
    equal(h.ended(), 1)


# Writes report errors themselves, and the keys of a terminal reach root's processes as well.
IGNORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP,
           signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


def test_signals_and_timers():
    everything = [n for n in range(1, signal.NSIG)
                  if n not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)]

    def setup():
        for number in everything:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, everything)
        signal.setitimer(signal.ITIMER_REAL, 0.6, 0.1)
        signal.setitimer(signal.ITIMER_VIRTUAL, 5)
        signal.setitimer(signal.ITIMER_PROF, 5)

    h = Helper("alice", setup=setup)
    lines = proc_lines(h.process.pid)
    equal(int(lines["SigBlk"], 16), 0, "blocked")
    # 32 and 33 are glibc's own: make leaves them ignored, and nobody can set them.
    equal(int(lines["SigIgn"], 16) & ~(3 << 31),
          sum(1 << (number - 1) for number in IGNORED), "ignored")
    time.sleep(1)
    h.send("request", op="status")
    h.expect("status")
    h.done(0)


def test_hostile_environment():
    library = sorted(glob.glob("/usr/lib/*/libz.so.1") + glob.glob("/usr/lib/*/libexpat.so.1"))
    evil = {"LD_PRELOAD": library[0], "LD_LIBRARY_PATH": "/tmp", "LD_AUDIT": library[0],
            "GCONV_PATH": "/tmp", "OPENSSL_CONF": "/tmp/openssl.cnf", "OPENSSL_MODULES": "/tmp",
            "OPENSSL_ENGINES": "/tmp", "TZ": ":/etc/shadow", "TZDIR": "/tmp", "LANG": "xx_XX",
            "LC_ALL": "xx_XX", "LOCPATH": "/tmp", "NLSPATH": "/tmp/%N", "MALLOC_CHECK_": "3",
            "MALLOC_PERTURB_": "255", "GLIBC_TUNABLES": "glibc.malloc.check=3", "PATH": "/tmp",
            "IFS": "x", "BASH_ENV": "/tmp/x", "HOSTALIASES": "/tmp/x", "RES_OPTIONS": "x",
            "TMPDIR": "/tmp", "XDG_RUNTIME_DIR": "/tmp", "PAM_CONFDIR": "/tmp", "": "x"}
    h = Helper("env", env=evil)
    with open(f"/proc/{h.process.pid}/maps", encoding="ascii") as file:
        check(os.path.basename(library[0]) not in file.read(), "LD_PRELOAD was believed")
    h.add("phone")
    h.password()
    h.codes(h.secret().fresh())
    h.done(0)
    equal(active("env"), ["phone"])


def can_raise_limits():
    """Whether root here has CAP_SYS_RESOURCE."""
    return int(proc_lines("self")["CapBnd"], 16) >> 24 & 1 == 1


def test_tiny_limits():
    """The caller's limits are lifted; where a container keeps root from that nothing begins."""
    for which, value in ((resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_FSIZE, 1),
                         (resource.RLIMIT_NOFILE, 4), (resource.RLIMIT_CPU, 5),
                         (resource.RLIMIT_DATA, 1 << 22)):
        def setup(limit=which, most=value):
            resource.setrlimit(limit, (most, most))
        if can_raise_limits():
            user = f"limit{which}-{value}"
            make_user(user, 4000 + 10 * which + value % 7)
            h = Helper(user, setup=setup).add("phone")
            h.password()
            h.codes(h.secret().fresh())
            h.done(0)
            equal(active(user), ["phone"])
        else:
            h = Helper("limits", setup=setup, hello=False)
            equal(h.process.stdout.read(), b"")
            told = h.process.stderr.read()
            check(b"limits" in told and told.count(b"\n") == 1, told)
            equal(h.ended(), 1)
            equal(stored("limits"), {})
    # A soft limit is everybody's to raise.
    h = Helper("limits", setup=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))).add("phone")
    h.password()
    h.codes(h.secret().fresh())
    h.done(0)
    equal(active("limits"), ["phone"])


def test_impossible_limits():
    """Where not even the loader can work nothing is damaged."""
    before = stored("limits")
    for which, value in ((resource.RLIMIT_NOFILE, 3), (resource.RLIMIT_AS, 1 << 20),
                         (resource.RLIMIT_STACK, 1 << 12)):
        def setup(limit=which, most=value):
            resource.setrlimit(limit, (most, most))
        h = Helper("limits", path="/usr/bin/env", args=[HELPER], setup=setup, hello=False)
        h.process.stdin.close()
        check(h.ended() != 0)
    equal(stored("limits"), before)


def test_garbage():
    for data in (b"\n", b"garbage garbage\n", b"request\n", b"request op=\n",
                 b"request op=delete\n", b"request op=delete name=..\n",
                 b"request op=delete name=phone user=bob\n", b"request op=rename name=phone\n",
                 b"request op=rename name=phone new-name=..\n", b"request op=resync\n",
                 b"request op=enable name=phone digits=8\n", b"request op=rotate name=-x\n",
                 b"request op=rotate name=phone digits=8\n", b"request op=rotate\n",
                 b"request op=recovery-codes name=phone\n", b"request op=list op=list\n",
                 b"request op=list junk=1\n", b"answer text=hello\n", b"abort\n",
                 b"request op=li%00st\n", b"request op=add\n", b"request op=add name=-x\n",
                 b"request op=add name=x digits=5\n", b"request op=add name=x digits=+6\n",
                 b"request op=add name=x period=14\n", b"request op=add name=x type=root\n",
                 b"request op=add name=x algorithm=MD5\n",
                 b"request op=add name=" + b"x" * 65 + b"\n",
                 b"request op=list\r\n", b"\0" * 5000, b"a" * 5000, b"\xff" * 100 + b"\n",
                 b"request op=list user=" + b"%41" * 700 + b"\n"):
        h = Helper("alice")
        try:
            h.raw(data)
        except BrokenPipeError:
            pass
        text = h.done(2)
        check(len(text) < 513 and "\n" not in text, text)


def test_end_of_input():
    h = Helper("alice")
    h.process.stdin.close()
    h.done(1)
    h = Helper("alice")
    h.raw(b"request op=li")
    h.process.stdin.close()
    h.done(2)


def test_end_in_conversation():
    before = stored("alice")
    for data in (b"", b"abort\n", b"request op=list\n", b"answer text=\r\nrequest op=list\n",
                 b"answer text=" + b"a" * 513 + b"\n"):
        h = Helper("alice").add("x")
        h.expect("prompt")
        h.raw(data)
        h.process.stdin.close()
        h.done(1 if data in (b"", b"abort\n") else 2)
    equal(stored("alice"), before, "nothing was tested, nothing is counted")


def test_slow():
    """Started first of all: neither silence nor single bytes hold a helper for ever."""
    for name, (h, began) in SLOW.items():
        h.expect("done")
        check(25 < time.monotonic() - began < 45 or name == "drip", name)
        equal(h.ended(), 1, name)


TESTS = (
    test_no_arguments, test_not_set_uid, test_no_new_privileges, test_uid_without_account,
    test_two_names_of_one_uid, test_environment_names_nobody, test_root_is_root,
    test_no_way_to_name_another, test_process_is_closed, test_real_uid_in_pam, test_descriptors,
    test_closed_descriptors, test_reader_gone, test_signals_and_timers,
    test_hostile_environment, test_tiny_limits, test_impossible_limits, test_garbage,
    test_end_of_input, test_end_in_conversation, test_slow,
)

if __name__ == "__main__":
    sys.exit(run(__file__, USERS, TESTS, start_slow))
