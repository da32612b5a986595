# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""What the tests of totp-helper share: a client of its protocol that any user can be, oathtool
as the phone, accounts, a log of its own, and a runner that prints TAP.

run() starts the test again inside sandbox.sh: accounts, /dev/log and the store are made
there, and the host never sees them.
"""

import os
import pwd
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
import traceback
from urllib.parse import quote, unquote

HELPER = "/usr/local/libexec/pam_totp/totp-helper"
STORE = "/var/lib/pam_totp"
SERVICE = "/etc/pam.d/totp-enroll"
CONF = "/etc/security/pam_totp.conf"
PASSWORD = "correct horse %s"
FIRST_UID = 3001
WAIT_S = 60


class Broken(Exception):
    """A promise was not kept."""


def check(claim, *what):
    if not claim:
        raise Broken(" ".join(str(w) for w in what) or "claim is false")


def equal(got, wanted, what=""):
    check(got == wanted, f"{what}: got {got!r}, expected {wanted!r}")


class Helper:
    """One run of the helper by one user."""

    def __init__(self, user, *, uid=None, args=(), path=HELPER, setup=None, hello=True, **popen):
        entry = pwd.getpwnam(user) if uid is None else None
        self.user = user
        self.recovery = None
        self.buffer = b""
        popen.setdefault("stdin", subprocess.PIPE)
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        popen.setdefault("env", {})
        self.process = subprocess.Popen(
            [path, *args], user=entry.pw_uid if entry else uid,
            group=entry.pw_gid if entry else uid, extra_groups=[], preexec_fn=setup, **popen)
        if hello:
            message = self.receive()
            equal(message[0], "hello", "first message")
            equal(message[1], {"version": "1", "user": user}, "hello")

    def raw(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, verb, **pairs):
        words = [verb] + [f"{k.replace('_', '-')}={quote(str(v), safe='-._~:/@+,')}"
                          for k, v in pairs.items()]
        self.raw((" ".join(words) + "\n").encode())

    def receive(self):
        """The next message as (verb, {key: value}); (None, {}) at the end."""
        end = time.monotonic() + WAIT_S
        fd = self.process.stdout.fileno()
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            check(left > 0 and select.select([fd], [], [], left)[0], "helper is silent")
            data = os.read(fd, 4096)
            if not data:
                equal(self.buffer, b"", "unfinished line")
                return None, {}
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        check(len(line) < 2048, "line too long")
        words = line.decode("ascii").split(" ")
        return words[0], {k: unquote(v) for k, v in (w.split("=") for w in words[1:])}

    def expect(self, verb):
        message = self.receive()
        equal(message[0], verb, f"message {message[1]}")
        return message[1]

    def ended(self):
        """`done` has been sent or not: wait, and return the exit status."""
        status = self.process.wait(WAIT_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                if stream:
                    stream.close()
            except BrokenPipeError:
                pass  # what was still buffered for a helper that has ended
        return status

    def done(self, code):
        """The end, with the recovery codes of a first device before it."""
        verb, message = self.receive()
        if verb == "recovery":
            self.recovery = [message[f"code{i}"] for i in range(10)]
            equal(len(set(self.recovery)), 10, "recovery codes")
            Phone.seen.extend(self.recovery)
            verb, message = self.receive()
        equal(verb, "done", f"message {message}")
        equal(message["exit"], str(code), message["text"])
        equal(self.receive()[0], None, "after done")
        equal(self.ended(), code, "exit status")
        return message["text"]

    def end(self):
        """The exit code of the last message, whatever it is; the exit status equals it."""
        message = self.expect("done")
        equal(self.ended(), int(message["exit"]), "exit status")
        return message["exit"]

    def password(self, text=None):
        prompt = self.expect("prompt")
        equal((prompt["kind"], prompt["echo"]), ("pam", "0"), "password prompt")
        self.send("answer", text=PASSWORD % self.user if text is None else text)

    def code(self, text):
        prompt = self.expect("prompt")
        equal((prompt["kind"], prompt["echo"]), ("code", "0"), "code prompt")
        self.send("answer", text=text)

    def add(self, name, **more):
        self.send("request", op="add", name=name, **more)
        return self

    def secret(self):
        """The secret as a phone, with ask-codes received."""
        phone = Phone(self.expect("secret"))
        equal(self.expect("ask-codes"), {"left": "5"}, "ask-codes")
        return phone

    def codes(self, pair):
        self.send("codes", first=pair[0], second=pair[1])


class Phone:
    seen = []  # every secret and code ever made here: none may be in the log

    def __init__(self, secret):
        self.message = secret
        self.key = secret["base32"]
        self.period = int(secret["period"])
        self.seen.append(self.key)

    def code(self, offset=0, at=None):
        """The code of the step offset steps from now."""
        moment = int(time.time() if at is None else at) + offset * self.period
        made = subprocess.run(
            ["oathtool", "-b", f"--totp={self.message['algorithm']}",
             f"--digits={self.message['digits']}", f"--time-step-size={self.period}s",
             f"--now=@{moment}", "-"],
            input=self.key, capture_output=True, text=True, check=True).stdout.strip()
        self.seen.append(made)
        return made

    def pair(self, first, second):
        at = time.time()
        return self.code(first, at), self.code(second, at)

    def fresh(self):
        """The previous and this code: the next one stays for a proof."""
        return self.pair(-1, 0)


def enrol(user, name="phone", proof=None, **more):
    h = Helper(user).add(name, **more)
    h.password()
    if proof is not None:
        h.code(proof)
    phone = h.secret()
    h.codes(phone.fresh())
    h.done(0)
    return phone


def status(user, **popen):
    h = Helper(user, **popen)
    h.send("request", op="status")
    message = h.expect("status")
    h.done(0)
    return message


def devices(user):
    h = Helper(user)
    h.send("request", op="list")
    found = []
    while True:
        verb, pairs = h.receive()
        if verb == "done":
            equal(pairs["exit"], "0", pairs["text"])
            h.ended()
            return found
        equal(verb, "device", "list")
        found.append(pairs)


def active(user):
    return [d["name"] for d in devices(user) if d["state"] == "active"]


def stored(user):
    """What lies in the store for a user, byte by byte."""
    found = {}
    for part in ("secrets", "state"):
        path = f"{STORE}/{part}/{user}"
        if os.path.exists(path):
            with open(path, "rb") as file:
                found[part] = file.read()
    return found


def uid_of(user):
    return pwd.getpwnam(user).pw_uid


def make_user(name, uid):
    subprocess.run(["useradd", "-m", "-u", str(uid), name], check=True, capture_output=True)
    subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD % name}\n", text=True, check=True)


class Syslog(threading.Thread):
    """The log of this host: one datagram a line."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lines = []
        self.socket = None

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        self.start()

    def run(self):
        while True:
            self.lines.append(self.socket.recv(65536).decode("latin-1"))

    def find(self, *words):
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for line in list(self.lines):
                if all(w in line for w in words):
                    return line
            time.sleep(0.05)
        raise Broken(f"no log line with {words}")


LOG = Syslog()


def private_dev():
    """A /dev of this namespace only, so that /dev/log can be made."""
    base = "/media/dev"
    os.mkdir(base)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "dev", base], check=True)
    for node in ("null", "zero", "full", "random", "urandom", "tty"):
        with open(f"{base}/{node}", "wb"):
            pass
        subprocess.run(["mount", "--bind", f"/dev/{node}", f"{base}/{node}"], check=True)
    subprocess.run(["mount", "--rbind", base, "/dev"], check=True)


def as_user(uid, *command):
    return subprocess.run(command, user=uid, group=uid, extra_groups=[], capture_output=True)


def replace_record(user, text):
    temp = f"{STORE}/secrets/.test"
    with open(temp, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    os.rename(temp, f"{STORE}/secrets/{user}")


class Skip(Exception):
    """A test that cannot be made here, and why."""


def run_tests(tests):
    only = os.environ.get("ONLY", "")
    tests = [t for t in tests if only in t.__name__]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__[5:].replace("_", " ")
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception:  # whatever it is, the other tests still say what they see
            failed = 1
            print(f"not ok {number} - {name}")
            print("#  " + traceback.format_exc().rstrip().replace("\n", "\n#  "), flush=True)
    return failed


def run(path, users, tests, prepare=None):
    """The main program of a test: path is its file, users get the uids from FIRST_UID on."""
    if sys.argv[1:] == ["--inside"]:
        os.umask(0o022)
        for number, name in enumerate(users):
            make_user(name, FIRST_UID + number)
        shutil.copy(SERVICE, SERVICE + ".kept")
        private_dev()
        LOG.open()
        if prepare is not None:
            prepare()
        return run_tests(tests)
    stage = os.environ.get("STAGE")
    if os.getuid() != 0 or not stage or not shutil.which("oathtool"):
        print("1..0 # SKIP needs root, oathtool and an installation in STAGE")
        return 0
    path = os.path.abspath(path)
    sandbox = os.path.join(os.path.dirname(path), "..", "support", "sandbox.sh")
    done = subprocess.run([sandbox, stage, sys.executable, path, "--inside"])
    if done.returncode == 77:
        print("1..0 # SKIP needs mount namespaces")
        return 0
    return done.returncode
