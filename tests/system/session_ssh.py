#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""MFA sessions of logins from afar, with the real sshd, ssh client, sudo and su: the code of a
login by ssh counts within that login alone, for services of its class; an address counts only
where session_source says so; and what the session is told of its code.
"""

import json
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login

SESSIONS = "/run/pam_totp"
SSHD = {}


def prepare():
    os.mkdir("/run/meet")  # where scripts and this one wait for each other
    os.chmod("/run/meet", 0o1777)
    for service in ("sshd-login", "sshd-source", "sshd-key", "sshd-env"):
        host.install_service("sshd-totp", service)
    host.install_service("sshd-totp", "sshd-bare", drop=("session    optional     pam_totp.so",))
    for service in ("sudo-totp", "sudo-other", "sudo-always", "sudo-env"):
        host.install_service("sudo-totp", service)
        with open(f"/etc/pam.d/{service}", "a", encoding="ascii") as file:
            file.write(f"account required {host.module_path()}\n")
    host.install_service("su-totp", "su")
    with open(host.SETTINGS, "w", encoding="ascii") as file:
        file.write("max_age = 900\nlock_after = 3\nthrottle_after = 100\n"
                   + "".join(f"[service {name}]\nsession_class = login\n" for name in
                             ("sshd-login", "sshd-bare", "sshd-key", "sshd-method", "sudo-totp",
                              "su"))
                   + "[service sshd-source]\nsession_source = yes\n"
                   "[service sshd-env]\nsession_class = env\nexport_env = yes\n"
                   "unenrolled = skip\nsession_source = yes\n"
                   "[service sudo-env]\nsession_class = env\nexport_env = yes\n"
                   "[service sudo-always]\nsession_class = login\nmax_age = 0\n")
    os.chmod(host.SETTINGS, 0o644)
    with open("/etc/sudoers.d/totp", "w", encoding="ascii") as file:
        file.write("Defaults !lecture, timestamp_timeout=0\n"
                   "%sudo ALL=(ALL:ALL) ALL\n")
        for group, service in (("sudo", "sudo-totp"), ("other", "sudo-other"),
                               ("always", "sudo-always"), ("env", "sudo-env")):
            if group != "sudo":
                host.run("groupadd", group)
            file.write(f"Defaults:%{group} pam_service={service}, pam_login_service={service}\n")
    os.chmod("/etc/sudoers.d/totp", 0o440)
    host.run("visudo", "--check", "--quiet")
    for service in ("sshd-login", "sshd-bare", "sshd-source", "sshd-env"):
        SSHD[service] = host.Sshd(service, "50-totp-password.conf").start()
    # sshd's own method, with the code behind the password: PAM runs in the process that opens
    # the session, whose parent is the listener of all logins.
    host.install_service("sshd-totp", "sshd-method", instead={
        "@include common-auth": "auth required pam_totp.so first_pass=append",
        "auth       required     pam_totp.so": "auth required pam_unix.so use_first_pass"})
    SSHD["sshd-method"] = host.Sshd("sshd-method", "50-totp-password.conf", extra=(
        "PasswordAuthentication yes", "PubkeyAuthentication yes",
        "AuthenticationMethods any")).start()
    # An administrator who let keys in without a code.
    SSHD["sshd-key"] = host.Sshd("sshd-key", "50-totp-password.conf", extra=(
        "AuthenticationMethods publickey",)).start()
    return list(SSHD.values())


def ssh(user, script, passwords, codes, service="sshd-login", options=()):
    """A script that the user's shell runs in a login with a terminal."""
    return login([*SSHD[service].client(user, ("-tt", *options)), script],
                 {PASSWORD: passwords, CODE: codes})


def sessions(user):
    return json.loads(host.run("totp-admin", "sessions", user, "--json"))["sessions"]


def stored(user):
    try:
        with open(f"{SESSIONS}/{user}", encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def age(user, seconds):
    text = re.sub(r"boottime=(\d+)", lambda m: f"boottime={int(m[1]) - seconds}", stored(user))
    with open(f"{SESSIONS}/{user}", "w", encoding="ascii") as file:
        file.write(text)


def user_with_phone(name, *groups):
    return host.add_user(name, ("sudo", *groups)), host.add_device(name, period=15)


def within_the_login(s):
    password, phone = user_with_phone("ann")
    found = []

    def look():
        for _ in range(600):
            if os.path.exists("/run/meet/ann-in"):
                break
            time.sleep(0.1)
        found.extend(sessions("ann"))
        os.unlink("/run/meet/ann-in")
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    done = ssh("ann", "sudo true && touch /run/meet/ann-in; while test -e /run/meet/ann-in; do sleep 0.1; "
               "done; su ann -c 'echo su-$((1+1))'; sudo sh -c 'echo {mark}'", [password] * 4,
               [phone.fresh])
    thread.join()
    s.equal("ssh with a code, then sudo, su, sudo: one code", done.prompts,
            [PASSWORD, CODE, PASSWORD, PASSWORD, PASSWORD], done)
    s.check("all are let in", done.got_in and "su-2" in done.transcript, done)
    s.equal("listed: one login of class login, from this address",
            [(x["kind"], x["class"], x["service"], x["source"], x["tty"], x["device"])
             for x in found], [("login", "login", "sshd-login", "127.0.0.1", None, "phone")])
    for _ in range(100):  # sshd takes its time after the client has gone
        if sessions("ann") == []:
            break
        time.sleep(0.1)
    s.equal("after logout none is left", (sessions("ann"), "kind=" in stored("ann")),
            ([], False), stored("ann"))


def key_of(user):
    """Make the user a key that opens the door. Returns the file."""
    key = f"/run/meet/{user}-key"
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    folder = os.path.expanduser(f"~{user}/.ssh")
    os.mkdir(folder, 0o755)
    host.run("cp", f"{key}.pub", f"{folder}/authorized_keys")
    host.run("chown", "-R", user, folder)
    return key


def beside_the_listener(s):
    """A code that was checked in the process that opens the session: the listener, which is
    above every login and runs the same program, is not taken for the login."""
    password, phone = user_with_phone("kai")
    key = key_of("kai")
    result = []

    def first():
        result.append(login(
            [*SSHD["sshd-method"].client("kai", ("-tt", "-o", "PreferredAuthentications=password")),
             "sudo true && touch /run/meet/kai-in; while test -e /run/meet/kai-in; do sleep 0.1; "
             "done; echo {mark}"], {r"kai@[^\r\n]*password: ?$": [lambda: password + phone.fresh()],
                                    PASSWORD: [password]}))
    thread = threading.Thread(target=first, daemon=True)
    thread.start()
    for _ in range(600):
        if os.path.exists("/run/meet/kai-in"):
            break
        time.sleep(0.1)
    done = ssh("kai", "echo in-$((1+1)); sudo echo {mark}", [password], [], "sshd-method",
               ("-i", key))
    s.check("a second login by key, below the same listener, is in", "in-2" in done.transcript,
            done)
    s.equal("and its sudo asks for a code", done.prompts, [PASSWORD, CODE], done)
    if os.path.exists("/run/meet/kai-in"):
        os.unlink("/run/meet/kai-in")
    thread.join()
    s.check("the first login is in", result and result[0].got_in, *result)
    s.equal("and its sudo asks for no code", [p for p in result[0].prompts if p == CODE], [],
            *result)


def another_login(s):
    """Beside one that has its code, one of the same user without."""
    password, phone = user_with_phone("bob")
    key = key_of("bob")
    first = threading.Thread(target=lambda: result.append(ssh(
        "bob", "sudo true && touch /run/meet/bob-in; while test -e /run/meet/bob-in; do sleep 0.1; done; "
        "sudo -k; sudo echo {mark}", [password] * 3, [phone.fresh])), daemon=True)
    result = []
    first.start()
    for _ in range(600):
        if os.path.exists("/run/meet/bob-in"):
            break
        time.sleep(0.1)
    s.equal("the first login has its session", [x["kind"] for x in sessions("bob")], ["login"])
    done = ssh("bob", "echo in-$((1+1)); sudo echo {mark}", [password], [], "sshd-key",
               ("-i", key))
    s.check("a login by key alone is in", "in-2" in done.transcript, done)
    s.equal("but its sudo asks for a code", done.prompts, [PASSWORD, CODE], done)
    done = login(host.as_user("bob", "sudo", "true"), {PASSWORD: [password]})
    s.equal("sudo of the user outside of any login asks", done.prompts, [PASSWORD, CODE], done)
    host.run("rm", "/run/meet/bob-in")
    first.join()
    s.equal("the first login is not asked again", result[0].prompts,
            [PASSWORD, CODE, PASSWORD, PASSWORD], result[0])
    s.check("and is in", result[0].got_in, result[0])


def daemonised(s):
    """What is left behind by its parents is no longer below the login's process, as tmux's
    server, though it has the login's terminal."""
    password, phone = user_with_phone("cid")
    sudo = f"printf '%s\\n' '{password}' | sudo -S true 2>&1; echo end"
    done = ssh("cid", f"({sudo}) >/run/meet/cid-child; "
               f"( (sleep 0.3; {sudo}) >/run/meet/cid-orphan & ); "
               "until grep -q end /run/meet/cid-orphan; do sleep 0.1; done; echo {mark}",
               [password], [phone.fresh])
    texts = []
    for name in ("child", "orphan"):
        with open(f"/run/meet/cid-{name}", encoding="utf-8") as file:
            texts.append(file.read())
    s.check("a child of the login is not asked", "MFA code" not in texts[0], done, *texts)
    s.check("what was left behind is asked for a code", "MFA code" in texts[1], done, *texts)


def class_and_age(s):
    password, phone = user_with_phone("dan", "other")
    done = ssh("dan", "sudo echo {mark}", [password] * 2, [phone.fresh])
    s.equal("a service of another class asks", done.prompts, [PASSWORD, CODE, PASSWORD, CODE],
            done)
    password, phone = user_with_phone("dora", "always")
    done = ssh("dora", "sudo echo {mark}", [password] * 2, [phone.fresh])
    s.equal("max_age=0 asks, whatever the class", done.prompts,
            [PASSWORD, CODE, PASSWORD, CODE], done)
    password, phone = user_with_phone("dirk")

    def later():
        for _ in range(600):
            if os.path.exists("/run/meet/dirk-in"):
                break
            time.sleep(0.1)
        age("dirk", 901)
        os.unlink("/run/meet/dirk-in")
    thread = threading.Thread(target=later, daemon=True)
    thread.start()
    done = ssh("dirk", "sudo true && touch /run/meet/dirk-in; while test -e /run/meet/dirk-in; do sleep 0.1;"
               " done; sudo echo {mark}", [password] * 3, [phone.fresh])
    thread.join()
    s.equal("901 s after the code: asked", done.prompts,
            [PASSWORD, CODE, PASSWORD, PASSWORD, CODE], done)


def other_users(s):
    """Who is another user inside of the login is asked."""
    password, phone = user_with_phone("eve")
    other, _ = user_with_phone("eva")
    done = ssh("eve", "su eva -c 'sudo echo {mark}'", [password, other], [phone.fresh])
    s.equal("su to another user asks for that one's code", done.prompts,
            [PASSWORD, CODE, PASSWORD, CODE], done)
    password, phone = user_with_phone("ester")
    done = ssh("ester", "sudo su eva -c 'su ester -c \"echo {mark}\"'", [password] * 3,
               [phone.fresh])
    s.equal("another user that changes to the first is asked", done.prompts,
            [PASSWORD, CODE, PASSWORD, PASSWORD, CODE], done)


def not_listed(s):
    """Without the session line the code counts nowhere."""
    password, phone = user_with_phone("fay")
    done = ssh("fay", "sudo echo {mark}", [password] * 2, [phone.fresh], "sshd-bare")
    s.equal("no session line: sudo asks", done.prompts, [PASSWORD, CODE, PASSWORD, CODE], done)
    s.equal("and nothing is listed", sessions("fay"), [])
    s.check("though a code is noted", "kind=passed" in stored("fay"), stored("fay"))


def void_for_ever(s):
    """A device that was disabled and enabled again does not bring its sessions back."""
    password, phone = user_with_phone("gil")

    def change():
        for _ in range(600):
            if os.path.exists("/run/meet/gil-in"):
                break
            time.sleep(0.1)
        host.run("totp-admin", "disable", "gil", "phone", "--force")
        host.run("totp-admin", "enable", "gil", "phone", "--force")
        os.unlink("/run/meet/gil-in")
    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    done = ssh("gil", "sudo true && touch /run/meet/gil-in; while test -e /run/meet/gil-in; do sleep 0.1; "
               "done; sudo echo {mark}", [password] * 3, [phone.fresh])
    thread.join()
    s.equal("disabled and enabled: asked", done.prompts,
            [PASSWORD, CODE, PASSWORD, PASSWORD, CODE], done)


def locked_meanwhile(s):
    """Nor does the end of a lock."""
    password, phone = user_with_phone("gus")

    def change():
        for _ in range(600):
            if os.path.exists("/run/meet/gus-in"):
                break
            time.sleep(0.1)
        for _ in range(3):
            host.run("totp-admin", "verify", "gus", text=phone.wrong() + "\n", check=False)
        found.append(json.loads(host.run("totp-admin", "show", "gus", "--json"))["locked"])
        host.run("totp-admin", "unlock", "gus")
        os.unlink("/run/meet/gus-in")
    found = []
    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    done = ssh("gus", "sudo true && touch /run/meet/gus-in; while test -e /run/meet/gus-in; do "
               "sleep 0.1; done; sudo echo {mark}", [password] * 3, [phone.fresh])
    thread.join()
    s.equal("three wrong codes have locked", found, [True])
    s.equal("locked and unlocked: asked", done.prompts,
            [PASSWORD, CODE, PASSWORD, PASSWORD, CODE], done)


def own_sessions(s):
    """totp-enroll sessions and revoke, within the login."""
    password, phone = user_with_phone("hal")
    done = ssh("hal", "sudo true; totp-enroll sessions; totp-enroll sessions --json | tr -d '\\n'; "
               "totp-enroll revoke 9; echo code-$?; totp-enroll revoke 1; totp-enroll sessions; "
               "sudo echo {mark}", [password] * 3, [phone.fresh])
    s.equal("after revoke sudo asks again", done.prompts,
            [PASSWORD, CODE, PASSWORD, PASSWORD, CODE], done)
    s.check("the list", re.search(r"hal +1 +login +sshd-login +127\.0\.0\.1 +phone ",
                                  done.transcript), done)
    s.check("as JSON", '"kind": "login"' in done.transcript, done)
    s.check("no such number", "You have no MFA session 9." in done.transcript and
            "code-6" in done.transcript, done)
    s.check("told", "1 MFA session revoked." in done.transcript, done)
    s.check("none is left", "There is no MFA session" in done.transcript, done)


def by_address(s):
    password, phone = user_with_phone("ida")
    done = ssh("ida", "echo {mark}", [password], [phone.fresh], "sshd-source")
    s.equal("session_source: the first login asks", done.prompts, [PASSWORD, CODE], done)
    done = ssh("ida", "echo {mark}", [password], [], "sshd-source")
    s.equal("the second from the same address does not", done.prompts, [PASSWORD], done)
    s.check("and is in", done.got_in, done)
    done = ssh("ida", "sudo echo {mark}", [password] * 2, [], "sshd-source")
    s.equal("sudo in such a login asks", done.prompts, [PASSWORD, PASSWORD, CODE], done)
    done = ssh("ida", "echo {mark}", [password], [], "sshd-source", ("-b", "127.0.0.2"))
    s.equal("another address asks", done.prompts, [PASSWORD, CODE], done)
    done = ssh("ida", "echo {mark}", [password], [], "sshd-bare")
    s.equal("another class asks", done.prompts, [PASSWORD, CODE], done)
    s.equal("listed", [(x["kind"], x["source"]) for x in sessions("ida")
                       if x["kind"] == "source"], [("source", "127.0.0.1")])
    age("ida", 900 - 60)
    done = ssh("ida", "echo {mark}", [password], [], "sshd-source")
    s.equal("a use does not make it younger, nor older", done.prompts, [PASSWORD], done)
    age("ida", 61)
    done = ssh("ida", "echo {mark}", [password], [], "sshd-source")
    s.equal("too old: asked", done.prompts, [PASSWORD, CODE], done)
    phone.wait_next()
    done = ssh("ida", "echo {mark}", [password], [phone.fresh], "sshd-source")
    s.check("asked and in", done.got_in, done)
    host.run("totp-admin", "revoke", "ida")
    done = ssh("ida", "echo {mark}", [password], [], "sshd-source")
    s.equal("revoked: asked", done.prompts, [PASSWORD, CODE], done)


def environment(s):
    password, phone = user_with_phone("joe", "env")
    before = int(time.time())
    show = "env | grep ^MFA_ | sort | tr '\\n' ' '"
    done = ssh("joe", show + f"; sudo -i sh -c \"{show}\"; echo {{mark}}", [password] * 2,
               [phone.fresh], "sshd-env")
    s.check("in", done.got_in, done)
    facts = re.findall(r"MFA_DEVICE=(\S+) MFA_PRESENT=(\S+) MFA_TIME=(\S+)Z", done.transcript)
    s.equal("ssh and sudo -i are told the device and that it was a code",
            [fact[:2] for fact in facts], [("phone", "true")] * 2, done)
    stamps = [time.mktime(time.strptime(fact[2], "%Y-%m-%dT%H:%M:%S")) - time.timezone
              for fact in facts]
    s.check("and when", len(stamps) == 2 and before <= stamps[0] <= time.time() and
            stamps[1] == stamps[0], stamps, facts)
    done = ssh("joe", show + "; echo {mark}", [password], [], "sshd-env")
    s.equal("a login spared by its address is told of the code that spared it",
            re.findall(r"MFA_TIME=(\S+)Z", done.transcript), [facts[0][2]], done)
    password = host.add_user("jim")
    done = ssh("jim", show + "; echo {mark}", [password], [], "sshd-env")
    s.check("without a device: not present", done.got_in and "MFA_PRESENT=false " in
            done.transcript and "MFA_DEVICE" not in done.transcript and
            "MFA_TIME" not in done.transcript, done)
    password, phone = user_with_phone("jan")
    done = ssh("jan", "echo env-$(env | grep -c ^MFA_); echo {mark}", [password], [phone.fresh])
    s.check("export_env=no: nothing is told", done.got_in and "env-0" in done.transcript, done)


if sys.argv[1:] == ["--inside"] and "HOURS_AFTER_BOOT" not in os.environ:
    os.environ["HOURS_AFTER_BOOT"] = "yes"
    os.execvp("unshare", ["unshare", "--time", "--boottime", "20000", "--fork",
                          sys.executable, *sys.argv])
suite.main(__file__, [within_the_login, another_login, beside_the_listener, daemonised,
                      class_and_age, other_users, not_listed, void_for_ever, locked_meanwhile,
                      own_sessions, by_address, environment], prepare)
