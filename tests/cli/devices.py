#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""totp-helper: what real users can do with devices that exist, in every state, with which proof,
beside each other, and who is told.
"""

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
from helper_client import (  # noqa: E402
    CONF, FIRST_UID, LOG, SERVICE, Helper, Phone, active, check, devices, equal, replace_record,
    run, status, stored)

USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy",
         "karl", "leo", "mia", "nina", "olaf", "peg", "quin", "rita", "sam")
WRONG = "000000"
FOLDER = "/run/told"
PLAIN = ("rename", "disable", "delete", "remove")
CODES = ("resync", "enable")


@contextlib.contextmanager
def settings(text):
    with open(CONF, "w", encoding="ascii") as file:
        file.write(text)
    try:
        yield
    finally:
        os.unlink(CONF)


def request(user, op, name=None):
    h = Helper(user)
    more = {} if name is None else {"name": name}
    if op == "rename":
        more["new_name"] = "other"
    h.send("request", op=op, **more)
    return h


def change(user, op, name=None, proof=None):
    """A request with its password and proof given."""
    h = request(user, op, name)
    h.password()
    if proof is not None:
        h.code(proof)
    return h


def enrol(user, name="phone", proof=None, **more):
    """A device; with the recovery codes of a first one as a list that is used up from its end."""
    h = Helper(user).add(name, **more)
    h.password()
    if proof is not None:
        h.code(proof)
    phone = h.secret()
    h.codes(phone.fresh())
    h.done(0)
    return phone, h.recovery


def verify(user, code, wanted):
    h = Helper(user)
    h.send("request", op="verify")
    h.code(code)
    return h.done(wanted)


def states(user):
    return {d["name"]: d["state"] for d in devices(user)}


def describe(h, phone):
    """The device whose two codes are asked for next."""
    got = h.expect("device")
    equal((got["digits"], got["period"]), (phone.message["digits"], phone.message["period"]))
    equal(h.expect("ask-codes"), {"left": "5"})


def make_pending(user, name, proof):
    """Begun by a run that was killed."""
    h = Helper(user).add(name)
    h.password()
    h.code(proof)
    h.secret()
    h.process.kill()
    h.ended()


def test_verb_by_state():
    """What a state does not allow is told before a password is asked for."""
    _, codes = enrol("alice")
    phone, _ = enrol("alice", "old", codes.pop())
    change("alice", "disable", "old", codes.pop()).done(0)
    make_pending("alice", "wait", codes.pop())
    equal(states("alice"), {"phone": "active", "old": "disabled", "wait": "pending"})
    before = stored("alice")
    wanted = {  # missing, pending, disabled, active; None: a password is asked for
        "rename": (6, None, None, None),
        "disable": (6, 7, 7, 10),  # the last one
        "delete": (6, None, None, 7),
        "remove": (6, None, None, 10),
        "rotate": (6, 7, 7, None),
        "resync": (6, 7, 7, None),
        "enable": (6, 7, None, 7),
    }
    for op, results in wanted.items():
        for name, code in zip(("none", "wait", "OLD", "Phone"), results):
            h = request("alice", op, name)
            if code is not None:
                text = h.done(code)
                check("log has the details" not in text, text)
                continue
            prompt = h.expect("prompt")
            equal(prompt["kind"], "pam", f"{op} {name}")
            h.send("abort")
            h.done(1)
    equal(stored("alice"), before)
    check(phone.key.encode() not in before["state"])
    with settings("max_devices = 1\n"):
        request("alice", "enable", "old").done(5)
    text = before["secrets"].decode("ascii")
    expired = re.sub(r"(?s)(state active.*?expires )0", rf"\g<1>{int(time.time()) - 5}", text, 1)
    replace_record("alice", expired)
    for op in ("rotate", "resync"):
        check("expired" in request("alice", op, "phone").done(7))
    replace_record("alice", text)


def test_no_verb_without_proof():
    """DESIGN promise 10 (AWS-2023-001): the password alone changes nothing."""
    with settings("throttle_after = 1000\n"):
        phone, codes = enrol("bob", period=15)
        enrol("bob", "second", codes.pop())
        enrol("bob", "off", codes.pop())
        change("bob", "disable", "off", codes.pop()).done(0)
        used = phone.code(0)
        spent = codes.pop()
        verify("bob", spent, 0)
        before = stored("bob")["secrets"]

        def refused(op, name, password=True):
            for answer in (WRONG, "", used, spent, "kqvbz-mdxtl-frwng-hspcq", None):
                h = request("bob", op, name)
                if password:
                    h.password()
                if answer is None:
                    h.expect("prompt")
                    h.send("abort")
                    h.done(1)
                else:
                    h.code(answer)
                    h.done(3)

        asked = [("rotate", "phone"), ("enable", "off"), ("recovery-codes", None)]
        asked += [("rename", "phone"), ("disable", "phone"), ("remove", "phone"), ("delete", "off")]
        for op, name in asked:
            refused(op, name)
        # A wrong password ends it before anything else is asked.
        for op, name in asked + [("resync", "phone")]:
            h = request("bob", op, name)
            h.password("wrong")
            h.done(10)
        # Whatever the PAM file says.
        try:
            with open(SERVICE, "w", encoding="ascii") as file:
                file.write("auth required pam_permit.so\naccount required pam_permit.so\n")
            for op, name in asked:
                refused(op, name, password=False)
            h = request("bob", "resync", "phone")
            describe(h, phone)
            for left in range(5, 0, -1):
                h.codes((WRONG, "000001") if left != 2 else (used, phone.code(-1)))
                equal(h.expect("refused")["left"], str(left - 1))
                if left > 1:
                    h.expect("ask-codes")
            h.done(3)
        finally:
            shutil.copy(SERVICE + ".kept", SERVICE)
        equal(stored("bob")["secrets"], before)
    LOG.find("event=proof", "result=refused", "reason=reused", "user=bob")


def test_rename_disable_delete_remove():
    _, codes = enrol("carol")
    enrol("carol", "tablet", codes.pop())
    check("other now" in change("carol", "rename", "tablet", codes.pop()).done(0))
    LOG.find("event=rename", "result=ok", "user=carol", "device=other", f"actor={FIRST_UID + 2}")
    h = Helper("carol")
    h.send("request", op="rename", name="other", new_name="PHONE")
    h.done(4)
    change("carol", "disable", "other", codes.pop()).done(0)
    equal(states("carol"), {"phone": "active", "other": "disabled"})
    change("carol", "delete", "other", codes.pop()).done(0)
    equal(states("carol"), {"phone": "active"})
    enrol("carol", "third", codes.pop())
    change("carol", "remove", "third", codes.pop()).done(0)
    equal(states("carol"), {"phone": "active"})
    text = stored("carol")["secrets"].decode("ascii")
    for what in ("phone was added", "tablet is now other", "other was disabled",
                 "other was deleted", "third was removed"):
        check(re.search(rf"\ntext device {what}\n", text), what,
              text)
    for op in ("rename", "disable", "delete", "remove"):
        LOG.find(f"event={op}", "result=ok", "reason=asked", "user=carol")


def test_last_device():
    """FLOW row 28."""
    phone, codes = enrol("dave", period=15)
    for policy in ("deny", "enroll", "grace"):
        with settings(f"unenrolled = {policy}\n"):
            for op in ("disable", "remove"):
                check("add another first" in request("dave", op, "phone").done(10))
    with settings("unenrolled = deny\ngroups = dave\n"):
        request("dave", "disable", "phone").done(10)
    with settings("unenrolled = deny\ngroups = root\n"):
        request("dave", "disable", "phone").expect("prompt")
    with settings("unenrolled = skip\n"):
        text = change("dave", "disable", "phone", codes.pop()).done(0)
        check("asks for no code from now on" in text, text)
        equal(active("dave"), [])
        # Nobody is left whose code could be asked for.
        h = change("dave", "enable", "phone")
        describe(h, phone)
        h.codes((WRONG, "000001"))
        equal(h.expect("refused")["verdict"], "wrong")
        h.expect("ask-codes")
        time.sleep(16 - time.time() % 15)
        h.codes(phone.pair(0, 1))
        h.done(0)
        equal(active("dave"), ["phone"])
        text = change("dave", "remove", "phone", codes.pop()).done(0)
        check("asks for no code from now on" in text, text)
        equal(devices("dave"), [])
        request("dave", "recovery-codes").done(6)
    # When it is decided between the question and the write, the write knows.
    _, codes = enrol("dave", "one")
    _, _ = enrol("dave", "two", codes.pop())
    h = request("dave", "remove", "one")
    change("dave", "remove", "two", codes.pop()).done(0)
    h.password()
    h.code(codes.pop())
    check("add another first" in h.done(10))
    equal(active("dave"), ["one"])


def test_enable():
    _, codes = enrol("erin")
    tablet, _ = enrol("erin", "tablet", codes.pop(), period=15)
    change("erin", "disable", "tablet", codes.pop()).done(0)
    used = tablet.pair(-1, 0)
    h = change("erin", "enable", "tablet", codes.pop())
    describe(h, tablet)
    h.codes(used)
    equal(h.expect("refused")["verdict"] in ("used", "stale"), True)
    h.expect("ask-codes")
    h.codes((tablet.code(0), WRONG))
    equal(h.expect("refused")["verdict"], "wrong", "which one was right is not told")
    h.expect("ask-codes")
    time.sleep(16 - time.time() % 15)
    time.sleep(16 - time.time() % 15)
    pair = tablet.pair(0, 1)
    h.codes(pair)
    h.done(0)
    equal(states("erin")["tablet"], "active")
    check("already used" in verify("erin", pair[1], 3))


def test_rotate():
    phone, codes = enrol("frank", period=15)
    h = change("frank", "rotate", "PHONE", codes.pop())
    new = h.secret()
    equal((new.message["name"], new.period), ("phone", 15))
    check(new.key != phone.key)
    h.send("abort")
    h.done(1)
    equal(states("frank"), {"phone": "active"})
    h = change("frank", "rotate", "phone", codes.pop())
    new = h.secret()
    equal(states("frank"), {"phone": "active", "phone+new": "pending"})
    # Until it is confirmed the old one works and the new one does not.
    verify("frank", new.code(0), 3)
    verify("frank", phone.code(1), 0)
    h.codes((WRONG, "000001"))
    h.expect("refused")
    h.expect("ask-codes")
    h.codes(new.fresh())
    text = h.done(0)
    check("phone+old" in text and " UTC" in text, text)
    equal(states("frank"), {"phone": "active", "phone+old": "disabled"})
    verify("frank", new.code(1), 0)
    check("secret of device phone was replaced\n" in stored("frank")["secrets"].decode("ascii"))
    LOG.find("event=rotate", "result=ok", "reason=confirmed", "user=frank", "device=phone")


def test_rotation_of_a_device_that_goes():
    """The phone was stolen: it began a rotation, and its owner removes it meanwhile."""
    phone, codes = enrol("grace", period=15)
    enrol("grace", "safe", codes.pop())
    h = change("grace", "rotate", "phone", phone.code(1))
    new = h.secret()
    change("grace", "remove", "phone", codes.pop()).done(0)
    h.codes(new.fresh())
    h.done(10)
    equal(states("grace"), {"safe": "active"})


def test_resync():
    phone, codes = enrol("heidi", period=15)
    h = change("heidi", "resync", "phone")
    describe(h, phone)
    for pair, verdict in (((0, -1), "used"), ((5, 7), "gap"), ((30, 31), "wrong")):
        h.codes(phone.pair(*pair))
        got = h.expect("refused")
        check(got["verdict"] in (verdict, "swapped" if verdict == "used" else verdict), got)
        h.expect("ask-codes")
    pair = phone.pair(6, 7)
    h.codes(pair)
    text = h.done(0)
    check(re.search(r"(6|7) steps \(1 min (30|45) s\) fast; corrected\.", text), text)
    drift = int(devices("heidi")[0]["drift"])
    check(drift in (6, 7), drift)
    # Both are consumed, and the next one logs in.
    check("already used" in verify("heidi", pair[1], 3))
    verify("heidi", phone.code(drift + 1), 0)
    h = change("heidi", "resync", "phone")
    describe(h, phone)
    h.codes(pair)
    equal(h.expect("refused")["verdict"], "used")
    h.send("abort")
    check(h.expect("ask-codes") and h.done(1))
    LOG.find("event=resync", "result=ok", "user=heidi")
    LOG.find("event=resync", "result=refused", "reason=used", "user=heidi")
    del codes


def test_resync_is_counted():
    """Wrong pairs are counted with wrong codes, on disk before they are told."""
    phone, _ = enrol("ivan")
    runs = [change("ivan", "resync", "phone") for _ in range(6)]
    for h in runs:
        describe(h, phone)
    for number, h in enumerate(runs):
        h.codes((WRONG, "000001"))
        if number < 5:
            equal(h.expect("refused")["verdict"], "wrong")
        else:
            h.done(9)
    check(int(status("ivan")["wait"]) > 0)
    # Right ones do not help either while the account must wait.
    runs[0].expect("ask-codes")
    runs[0].codes(phone.pair(1, 2))
    runs[0].done(9)
    for op in ("resync", "rename", "remove"):
        with settings("unenrolled = skip\n"):
            request("ivan", op, "phone").done(9)
    equal(devices("ivan")[0]["drift"], "0")


def test_recovery_codes():
    phone, codes = enrol("judy")
    equal(status("judy")["recovery-left"], "10")
    for code in codes:
        check(re.fullmatch("([b-df-hj-np-tv-xz]{5}-){3}[b-df-hj-np-tv-xz]{5}", code), code)
    # One code, eight tries at once: one of them is in.
    results = []
    code = codes.pop()

    def once():
        h = Helper("judy")
        h.send("request", op="verify")
        h.code(code)
        results.append(h.expect("done")["exit"])
        h.ended()

    with settings("throttle_after = 1000\n"):
        threads = [threading.Thread(target=once) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(sorted(results), ["0"] + ["3"] * 7)
        equal(status("judy")["recovery-left"], "9")
        # As people type them.
        check("8 are left" in verify("judy", codes.pop().upper().replace("-", " "), 0))
    h = change("judy", "recovery-codes", proof=codes.pop())
    h.done(0)
    check(not set(h.recovery) & set(codes))
    equal(status("judy")["recovery-left"], "10")
    verify("judy", codes.pop(), 3)
    verify("judy", h.recovery.pop(), 0)
    # The first device's only: a second one voids nothing.
    second = Helper("judy").add("tablet")
    second.password()
    second.code(h.recovery.pop())
    tablet = second.secret()
    second.codes(tablet.fresh())
    second.done(0)
    equal(second.recovery, None)
    equal(status("judy")["recovery-left"], "8")
    check(phone.key != tablet.key)


def test_recovery_set_as_proof_goes():
    """A recovery code proved it, and the set is void before it is written."""
    _, codes = enrol("karl")
    one = change("karl", "rotate", "phone", codes.pop())
    new = one.secret()
    change("karl", "recovery-codes", proof=codes.pop()).done(0)
    one.codes(new.fresh())
    one.done(10)
    check(Phone.seen and states("karl") == {"phone": "active"}, states("karl"))


def test_two_tools_at_once():
    _, codes = enrol("leo")
    enrol("leo", "tablet", codes.pop())
    late = request("leo", "remove", "tablet")
    renamed = change("leo", "rename", "tablet", codes.pop())
    renamed.done(0)
    enrol("leo", "tablet", codes.pop())
    # The name means another device now.
    late.password()
    late.code(codes.pop())
    check("changed meanwhile" in late.done(8))
    equal(states("leo"), {"phone": "active", "other": "active", "tablet": "active"})
    runs = [request("leo", "remove", "other") for _ in range(2)]
    for h in runs:
        h.password()
    for h in runs:
        h.code(codes.pop())
    equal(sorted(h.expect("done")["exit"] for h in runs), ["0", "8"])
    for h in runs:
        h.ended()
    # Two last devices, taken away by two tools: one stays.
    runs = [request("leo", "disable", name) for name in ("phone", "tablet")]
    for h in runs:
        h.password()
    results = []
    for h in runs:
        h.code(codes.pop())
        results.append(h.expect("done")["exit"])
        h.ended()
    equal(results, ["0", "10"])
    equal(len(active("leo")), 1)


def put_ticket(user, number, code, of):
    """What an administrator hands out: the salt and hash of a code are those of a recovery set."""
    text = stored(of)["secrets"].decode("ascii")
    salt = re.search(r"\nsalt (\S+)\n", text).group(1)
    digest = re.search(r"\n(?:hash|code) (\S+)\n", text).group(1)
    own = stored(user)["secrets"].decode("ascii")
    expires = int(time.time()) + 600
    ticket = f"[ticket {number}]\nexpires {expires}\nsalt {salt}\nhash {digest}\n\n"
    for follower in ("[former", "[notice"):
        if follower in own:
            at = own.index(follower)
            break
    else:
        at = len(own)
    check(code)
    replace_record(user, own[:at] + ticket + own[at:])


def test_ticket():
    _, others = enrol("mia")
    _, mine = enrol("nina")
    ticket = others[0]
    with settings("unenrolled = skip\nenrol_ticket = required\n"):
        def ask(h, answer):
            prompt = h.expect("prompt")
            equal((prompt["kind"], prompt["echo"]), ("ticket", "1"))
            h.send("answer", text=answer)

        # Who has no record has no ticket.
        for answer in (ticket, "junk", ""):
            h = Helper("olaf").add("phone")
            h.password()
            ask(h, answer)
            check("not valid" in h.done(3))
        equal(stored("olaf").get("secrets"), None)
        LOG.find("event=enrol", "result=refused", "reason=ticket", "user=olaf")
        # A device that is there asks for its code, not for a ticket.
        change("nina", "remove", "phone", mine.pop()).done(0)
        put_ticket("nina", 1, ticket, "mia")
        h = Helper("nina").add("new")
        h.password()
        ask(h, others[1])
        h.done(3)
        # A run that is given up spends nothing.
        for _ in range(2):
            h = Helper("nina").add("new")
            h.password()
            ask(h, ticket)
            h.secret()
            h.send("abort")
            h.done(1)
        two = []
        for name in ("one", "two"):
            h = Helper("nina").add(name)
            h.password()
            ask(h, ticket)
            two.append((h, h.secret()))
        two[1][0].codes(two[1][1].fresh())
        two[1][0].done(0)
        two[0][0].codes(two[0][1].fresh())
        two[0][0].done(10)
        equal(active("nina"), ["two"])
        # Spent: neither another first device nor an old one comes by it.
        change("nina", "disable", "two", two[1][0].recovery.pop()).done(0)
        h = Helper("nina").add("three")
        h.password()
        ask(h, ticket)
        h.done(3)
        h = request("nina", "enable", "two")
        h.password()
        ask(h, ticket)
        describe(h, two[1][1])
        h.codes(two[1][1].pair(1, 2))
        h.done(3)
        equal(active("nina"), [])


def admin(*words):
    return subprocess.run(["/usr/local/sbin/totp-admin", *words, "--json"], check=True,
                          capture_output=True, text=True).stdout


def test_what_an_administrator_hands_out():
    """A ticket makes the first device; a bypass code stands for the one that is lost, once, and
    as long as no other one is made."""
    ticket = json.loads(admin("ticket", "sam"))["code"]
    Phone.seen.append(ticket)
    with settings("enrol_ticket = required\n"):
        h = Helper("sam").add("phone")
        h.password()
        equal(h.expect("prompt")["kind"], "ticket")
        h.send("answer", text=ticket)
        h.codes(h.secret().fresh())
        h.done(0)
    def bypass():
        Phone.seen.append(json.loads(admin("bypass", "sam", "--for", "1h"))["code"])
        return Phone.seen[-1]

    code = bypass()
    enrol("sam", "second", code)
    LOG.find("event=proof", "result=ok", "reason=bypass", "user=sam")
    before = stored("sam")["secrets"]
    change("sam", "remove", "phone", code).done(3)
    equal(stored("sam")["secrets"], before)
    h = change("sam", "rotate", "phone", bypass())
    new = h.secret()
    bypass()  # voids the one that was the proof
    h.codes(new.fresh())
    check("start again" in h.done(10))
    equal(states("sam"), {"phone": "active", "second": "active"})
    LOG.find("event=rotate", "result=refused", "reason=active-meanwhile", "user=sam")
    change("sam", "remove", "phone", bypass()).done(0)
    equal(states("sam"), {"second": "active"})


def script(name, text):
    path = f"/usr/local/bin/{name}"
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def test_notify():
    os.mkdir(FOLDER)
    os.chmod(FOLDER, 0o1777)
    told = script("tell", f'''exec >>{FOLDER}/told
printf '<%s>' "$@"; echo
id -u; id -G; pwd; umask; env | sort; ls -l /proc/self/fd; cat /proc/self/limits; echo end
''')
    with settings(f"notify = {told}\n"):
        _, codes = enrol("peg", "a=b")
        change("peg", "rename", "a=b", codes.pop()).done(0)
        with open(f"{FOLDER}/told", encoding="ascii") as file:
            first, second = file.read().split("end\n")[:2]
    uid = FIRST_UID + USERS.index("peg")
    lines = first.split("\n")
    equal(lines[0], f"<added><peg><a=b><{uid}><><>")
    equal(lines[1:5], ["65534", "65534", "/", "0022"])
    check(second.startswith(f"<renamed><peg><a=b><{uid}><><other>\n"), second)
    names = {line.split("=")[0] for line in lines if re.match("[A-Z_]+=", line)}
    equal(names, {"PATH", "LANG", "PWD"} & names, "environment")
    check("PATH" in names)
    equal(first.count("/dev/null"), 2, "its input and errors")
    check("socket" not in first and "pam_totp" not in first, first)
    equal(stat.S_IMODE(os.stat(f"{FOLDER}/told").st_mode) & 0o002, 0)
    # What it does changes nothing; it may take five seconds.
    for name, text in (("slow", "sleep 60\n"), ("bad", "exit 3\n"), ("dead", "kill -9 $$\n")):
        with settings(f"notify = {script(name, text)}\n"):
            h = request("peg", "rename", "other")
            h.password()
            before = time.monotonic()
            h.code(codes.pop())
            h.done(0)
            check(time.monotonic() - before < 8, name)
            LOG.find("event=error", "user=peg", f"/usr/local/bin/{name}")
    # Of a change at a login root alone may tell.
    by_login = {"program": told, "done": "added", "user": "peg", "name": "new", "uid": "1",
                "from": "x"}
    for user, more, code in (("peg", {}, 10), ("root", {}, 0), ("root", {"done": "sold"}, 2),
                             ("root", {"program": "tell"}, 2), ("root", {"name": "-x"}, 2),
                             ("root", {"user": "../peg"}, 2), ("root", {"from": "a\nb"}, 2),
                             ("root", {"program": "/none/at/all"}, 1)):
        size = os.path.getsize(f"{FOLDER}/told")
        h = Helper(user)
        h.send("request", op="notify", **{**by_login, **more})
        h.done(code)
        check((os.path.getsize(f"{FOLDER}/told") > size) == (code == 0), more)
    with open(f"{FOLDER}/told", encoding="ascii") as file:
        check("\n<added><peg><new><1><x><>\n" in file.read())
    with settings("notify = /none/at/all\n"):
        enrol("rita")
        LOG.find("event=error", "user=rita", "notify")


def test_log_holds_no_secret():
    check(len(LOG.lines) > 50 and len(Phone.seen) > 50)
    for line in LOG.lines:
        check("horse" not in line, "a password was logged")
        for secret in Phone.seen:
            check(len(secret) < 16 or secret not in line, "a secret was logged")


TESTS = (
    test_verb_by_state, test_no_verb_without_proof, test_rename_disable_delete_remove,
    test_last_device, test_enable, test_rotate, test_rotation_of_a_device_that_goes, test_resync,
    test_resync_is_counted, test_recovery_codes, test_recovery_set_as_proof_goes,
    test_two_tools_at_once, test_ticket, test_what_an_administrator_hands_out,
    test_notify, test_log_holds_no_secret,
)

if __name__ == "__main__":
    sys.exit(run(__file__, USERS, TESTS))
