#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Images of the memory of the real processes hold no secret, code or recovery code, in any
encoding (DESIGN promise 7): the host of a login after each kind of login, before and
after pam_end; totp-helper, totp-enroll and totp-admin at their end. Each is also shown to
have held what it was searched for while it worked, so that the search is no empty one.

Nothing waits for a code: with window=1 that of now is also good in the step after it.
Not searched: what a person is shown by the kernel's terminal and by his own. The host is
image_host.c, which keeps no answer; one that keeps what was typed is not ours to wipe.
Nor are libpng's copies of the picture that --qr-file writes, which are none of these forms.
"""

import base64
import os
import re
import secrets
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
import helper_client  # noqa: E402
from helper_client import PASSWORD, Helper, Skip, check, equal  # noqa: E402
from memory_image import CALLS, Needles, Watch, image  # noqa: E402
try:
    import enroll_client
    import host
    from terminal import Terminal
except ImportError as missing:
    print(f"1..0 # SKIP needs {missing.name} (Debian: python3-pexpect, python3-pyte)")
    sys.exit(0)

USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "helen", "judy")
SERVICE = "image-host"
PROMPTS = (1, 2)
RECOVERY = r"\b(?:[a-z]{5}-){3}[a-z]{5}\b"
HOST = os.path.join(os.environ.get("top_builddir", "."), "tests/system/image_host")


def prepare():
    enroll_client.prepare()
    os.mkdir("/dev/shm")  # faketime's
    host.run("mount", "-t", "tmpfs", "shm", "/dev/shm")
    with open(helper_client.CONF, "w", encoding="ascii") as file:
        file.write("throttle_after = 50\nunenrolled = enroll\n")
    with open(f"/etc/pam.d/{SERVICE}", "w", encoding="ascii") as file:
        file.write(f"auth requisite {host.module_path(host.ENROLL_MODULE)}\n"
                   f"auth required {host.module_path()}\n")


def add_device(user):
    """A device of eight digits, whose codes are nowhere by chance. Returns the phone."""
    phone = host.Phone.new(user)
    phone = host.Phone(phone.uri + "&digits=8")
    host.run("faketime", "-f", "-1h", "totp-admin", "add", user, "phone", "--uri-file", "-",
             text=phone.uri + "\n")
    return phone


def key_in(text):
    """The key as a person reads it."""
    return re.sub(r"\s", "", re.search(r"(?:[A-Z2-7]{4}\s+){7}[A-Z2-7]{4}", text).group(0))


def held(images, *what):
    """Each was in the process while it worked."""
    for name, value in what:
        check(any(value in at for at in images), f"{name} was never in the process")


def raw(base32):
    return base64.b32decode(base32)


def watch(pid):
    try:
        return Watch(pid)
    except PermissionError as why:
        raise Skip("needs ptrace(2)") from why


class Host:
    """The host of logins, traced to its end."""

    def __init__(self):
        self.process = subprocess.Popen([HOST, SERVICE], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.watch = watch(self.process.pid)
        self.needles = Needles()
        self.lefts = []

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self):
        """The next prompt, or the result. Remarks are passed over."""
        while True:
            style, number = (int(n) for n in self.process.stdout.readline().split())
            if style == 0:
                return number
            text = self.process.stdout.read(number).decode()
            if style in PROMPTS:
                return text

    def now(self):
        return image(self.process.pid)

    def begin(self, user):
        """Returns the first prompt."""
        self.say(user)
        return self.hear()

    def answer(self, what, text):
        """A code, which is searched for from now on. Returns what comes next."""
        self.needles.code(what, text, before=self.now()) if text.isdigit() else \
            self.needles.recovery(what, text)
        self.say(text)
        return self.hear()

    def expect(self, result, wanted, when):
        """The login is over: the image before and the one after pam_end."""
        equal(result, wanted, when)
        self.lefts.append((f"{when}, before pam_end", self.now()))
        self.say("")
        equal(self.hear(), 0)
        self.lefts.append((f"{when}, after pam_end", self.now()))

    def end(self):
        """Nothing is left in any of the images. Returns those of the work."""
        self.process.stdin.close()
        with self.watch as w:
            pass
        equal(self.process.wait(60), 0)
        self.process.stdout.close()
        for when, where in self.lefts + [("at its end", w.last)]:
            found = self.needles.found(where)
            check(not found, f"{when}: {', '.join(found)}")
        return w.images


PAM_SUCCESS, PAM_AUTH_ERR = 0, 7


def test_the_search_finds_what_is_there():
    """Every form, in the heap of another process."""
    needles = Needles()
    phone, code = host.Phone.new("x"), f"{secrets.randbelow(10 ** 8):08}"
    needles.secret("a secret", phone.secret)
    needles.recovery("a recovery code", "-".join(secrets.token_hex(3)[:5] for _ in range(4)))
    needles.code("a code", code)
    planted = b"\0\0\0\0".join([*needles.forms, f" {code}\n".encode()])
    script = "import sys; all = sys.stdin.buffer.read(%d); print(flush=True); sys.stdin.read(1)"
    child = subprocess.Popen([sys.executable, "-c", script % len(planted)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    equal(needles.found(image(child.pid)), [], "before")
    child.stdin.write(planted)
    child.stdin.flush()
    child.stdout.readline()
    where = image(child.pid)
    child.stdin.close()
    child.wait(60)
    child.stdout.close()
    for form, name in needles.forms.items():
        check(form in where, f"{name} is not found")
    equal(len(needles.found(where)), len(set(needles.forms.values())) + 1, "names")


def test_host_after_logins():
    phone = add_device("alice")
    sheet = re.findall(RECOVERY, host.run("totp-admin", "recovery-codes", "alice"))
    equal(len(sheet), 10, "recovery codes")
    h = Host()
    h.needles.secret("the secret", phone.secret)
    for paper in sheet:
        h.needles.recovery("a recovery code", paper)
    right, wrong = phone.code(), phone.wrong()
    h.begin("alice")
    h.expect(h.answer("the code", right), PAM_SUCCESS, "accepted")
    h.begin("alice")
    h.expect(h.answer("the code again", right), PAM_AUTH_ERR, "reused")
    h.begin("alice")
    h.expect(h.answer("a wrong code", wrong), PAM_AUTH_ERR, "wrong")
    h.begin("alice")
    h.expect(h.answer("a recovery code", sheet[3]), PAM_SUCCESS, "recovery code")
    h.begin("alice")
    spaced = sheet[3].upper().replace("-", " ")
    h.needles.text("a recovery code as typed", spaced)
    h.expect(h.answer("a recovery code again", spaced), PAM_AUTH_ERR, "recovery code again")
    h.begin("nobody-here")
    h.expect(h.answer("a code of nobody", phone.wrong()), PAM_AUTH_ERR, "no such user")
    held(h.end(), ("the secret", raw(phone.secret)), ("the code", right.encode()),
         ("the wrong code", wrong.encode()), ("the recovery code", sheet[3].encode()))


def enrol_in(h, prompt, digits=6):
    """From the prompt with the key to what comes after two codes."""
    key = key_in(prompt)
    phone = host.Phone(f"otpauth://totp/x?secret={key}&digits={digits}")
    h.needles.secret("the new secret", key)
    now = time.time()
    equal(h.answer("code 1", phone.code_at(now)).splitlines()[-1], "Code 2: ")
    return phone, h.answer("code 2", phone.code_at(now + 30))


def test_host_after_an_enrolment():
    h = Host()
    check("Name of the device" in h.begin("bob"))
    h.say("")
    phone, shown = enrol_in(h, h.hear())
    sheet = re.findall(RECOVERY, shown)
    equal(len(sheet), 10, "recovery codes")
    for paper in sheet:
        h.needles.recovery("a recovery code", paper)
    h.say("")
    h.expect(h.hear(), PAM_SUCCESS, "enrolled")
    held(h.end(), ("the secret", raw(phone.secret)), ("the recovery code", sheet[3].encode()))


def test_host_after_a_rotation():
    old = add_device("carol")
    host.run("totp-admin", "rotate", "carol", "--by", "now")
    h = Host()
    h.needles.secret("the old secret", old.secret)
    h.begin("carol")
    check("press Enter" in h.answer("the old code", old.code()))
    h.say("")
    phone, result = enrol_in(h, h.hear(), digits=8)
    h.expect(result, PAM_SUCCESS, "rotated")
    held(h.end(), ("the old secret", raw(old.secret)), ("the new secret", raw(phone.secret)))


def expect_clean(watch, needles, *values):
    check(watch.last is not None, "no image of its end")
    held(watch.images, *values)
    found = needles.found(watch.last)
    check(not found, "left at its end:", ", ".join(found))


def test_helper_verify():
    phone, needles = add_device("dave"), Needles()
    needles.secret("the secret", phone.secret)
    for code, wanted in ((phone.code(), 0), (phone.wrong(), 3)):
        h = Helper("dave")
        with watch(h.process.pid) as w:
            h.send("request", op="verify")
            h.code(code)
            equal(h.expect("done")["exit"], str(wanted), "verify")
        equal(h.ended(), wanted)
        needles.code("the code", code)
        expect_clean(w, needles, ("the secret", raw(phone.secret)), ("the code", code.encode()))


def test_helper_add():
    h, needles = Helper("erin"), Needles()
    with watch(h.process.pid) as w:
        h.add("phone", digits=8)
        h.password()
        phone = h.secret()
        pair = phone.pair(0, 1)
        h.codes(pair)
        sheet = [h.expect("recovery")[f"code{i}"] for i in range(1)]
        equal(h.expect("done")["exit"], "0", "add")
    equal(h.ended(), 0)
    needles.secret("the secret", phone.key)
    for code in pair:
        needles.code("a code", code)
    for paper in sheet:
        needles.recovery("a recovery code", paper)
    needles.text("the password", PASSWORD % "erin")
    expect_clean(w, needles, ("the secret", raw(phone.key)), ("its text", phone.key.encode()),
                 ("a recovery code", sheet[0].encode()))


def helper_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return int(file.read())


def test_wizard():
    """totp-enroll on a terminal, and its helper."""
    needles = Needles()
    t = Terminal(enroll_client.command("frank", "add", "phone", "--digits=8", "--uri"))
    t.wait("Password:")
    with watch(t.child.pid) as w, watch(helper_of(t.child.pid)) as helper:
        t.type(PASSWORD % "frank" + "\r")
        t.wait("Code 1: ")
        uri = re.search(r"otpauth://\S+", t.whole().replace("\n", "")).group(0)
        phone = host.Phone(f"otpauth://totp/x?secret={enroll_client.key_on(t)}&digits=8")
        now = time.time()
        pair = phone.code_at(now), phone.code_at(now + 30)
        t.type(pair[0] + "\r")
        t.wait("Code 2: ")
        t.type(pair[1] + "\r")
        sheet = re.findall(RECOVERY, t.save_recovery())
        equal(t.finish(), 0, "exit status")
    equal(len(sheet), 10, "recovery codes")
    needles.secret("the secret", phone.secret)
    for code in pair:
        needles.code("a code", code)
    for paper in sheet:
        needles.recovery("a recovery code", paper)
    needles.text("the password", PASSWORD % "frank")
    expect_clean(w, needles, ("the key", phone.secret.encode()), ("the URI", uri.encode()),
                 ("a code", pair[0].encode()), ("a recovery code", sheet[3].encode()))
    expect_clean(helper, needles, ("the secret", raw(phone.secret)))


class Program:
    """A program that waits for `go` before it begins. Traced from its beginning."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            ["sh", "-c", 'read -r go; exec "$@"', "sh", *command], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1)
        self.watch = watch(self.process.pid)
        self.say("go")

    def say(self, line):
        self.process.stdin.write(line + "\n")

    def end(self, wanted=0):
        """Returns its output."""
        self.process.stdin.close()
        out = self.process.stdout.read()
        with self.watch:
            pass
        equal(self.process.wait(60), wanted, f"exit status, after {out}")
        self.process.stdout.close()
        return out


def test_enroll_for_a_program():
    """totp-enroll --json: its output is read by a program."""
    needles = Needles()
    p = Program(*enroll_client.command("grace", "add", "phone", "--digits=8", "--json",
                                       "--no-input"))
    p.say(PASSWORD % "grace")
    seen = ""
    while "secret" not in seen or "}" not in seen:
        line = p.process.stdout.readline()
        check(line, "ended early:", seen)
        seen += line
    key = re.search(r"\b[A-Z2-7]{32}\b", seen).group(0)
    phone = host.Phone(f"otpauth://totp/x?secret={key}&digits=8")
    now = time.time()
    pair = phone.code_at(now), phone.code_at(now + 30)
    p.say(" ".join(pair))
    for code in pair:
        needles.code("a code", code)
    sheet = re.findall(RECOVERY, p.end())
    equal(len(sheet), 10, "recovery codes")
    needles.secret("the secret", key)
    for paper in sheet:
        needles.recovery("a recovery code", paper)
    expect_clean(p.watch, needles, ("the key", key.encode()), ("a code", pair[0].encode()),
                 ("a recovery code", sheet[3].encode()))


def test_admin_add():
    phone, needles = host.Phone.new("helen"), Needles()
    needles.secret("the secret", phone.secret)
    p = Program("totp-admin", "add", "helen", "phone", "--digits", "8", "--secret-file", "-")
    p.say(phone.secret)
    p.end()
    expect_clean(p.watch, needles, ("the secret", raw(phone.secret)))
    phone, needles = host.Phone.new("helen"), Needles()
    needles.secret("the secret", phone.secret)
    path = "/run/key"
    with open(path, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(" ".join(re.findall("....", phone.secret.lower())) + "\n")
    p = Program("totp-admin", "add", "helen", "tablet", "--secret-file", path)
    p.end()
    os.unlink(path)
    expect_clean(p.watch, needles, ("the secret", raw(phone.secret)))


def test_admin_codes():
    """What is shown once, as text and as JSON."""
    for verb, count in (("bypass", 1), ("recovery-codes", 10)):
        for more in ((), ("--json",)):
            needles = Needles()
            p = Program("totp-admin", verb, "alice", *more)
            shown = re.findall(RECOVERY, p.end())
            equal(len(shown), count, verb)
            for paper in shown:
                needles.recovery(f"a code of {verb} {' '.join(more)}", paper)
            expect_clean(p.watch, needles, ("a code", shown[0].encode()))


def test_admin_verify():
    phone, needles = add_device("judy"), Needles()
    needles.secret("the secret", phone.secret)
    code = phone.code()
    needles.code("the code", code)
    p = Program("totp-admin", "verify", "judy")
    p.say(code)
    p.end()
    expect_clean(p.watch, needles, ("the secret", raw(phone.secret)), ("the code", code.encode()))


TESTS = (
    test_the_search_finds_what_is_there, test_host_after_logins, test_host_after_an_enrolment,
    test_host_after_a_rotation, test_helper_verify, test_helper_add, test_wizard,
    test_enroll_for_a_program, test_admin_add, test_admin_codes, test_admin_verify)


if __name__ == "__main__":
    if os.environ.get("SANITIZERS") or CALLS is None:
        print("1..0 # SKIP sanitizers keep what is freed; only x86-64 and arm64 are known")
        sys.exit(0)
    sys.exit(helper_client.run(__file__, USERS, TESTS, prepare))
