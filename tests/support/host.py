# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""What a test or the demonstration does inside the sandbox: accounts, services, a phone, a
real sshd and real programs that ask on a pseudo-terminal.

Everything here runs as root inside tests/support/sandbox.sh, where /etc, /run and
/var/lib are throw-away copies. The phone is oathtool and the QR reader zbarimg, so that
nothing is checked by the code that is under test.

    password = add_user("alice")            an account
    phone = add_device("alice")             its device, as if enrolled an hour ago
    install_service("sshd-totp", "sshd-x")  examples/pam.d/sshd-totp as service sshd-x
    sshd = Sshd("sshd-x", "50-totp-password.conf").start()
    done = login(sshd.client("alice"), {PASSWORD: [password], CODE: [phone.code]})
    done.got_in, done.prompts, done.transcript

TOLD holds every secret, password and answer so far: none of them may be in a log.
"""

import glob
import os
import re
import secrets
import socket
import subprocess
import threading
import time
import urllib.parse

import pexpect

MODULE = "pam_totp.so"
ENROLL_MODULE = "pam_totp_enroll.so"
HOME = os.environ.get("HOME", "/root")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SETTINGS = "/etc/security/pam_totp.conf"
TOLD = set()
_ACCOUNTS = threading.Lock()  # useradd gives up when another one runs


def run(*command, text=None, check=True):
    """Run a command, give its standard output back; raise with its words when it fails."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def add_user(name, groups=()):
    """A real account with a password of its own. Returns the password."""
    password = "pw-" + secrets.token_urlsafe(12)
    TOLD.add(password)
    with _ACCOUNTS:
        run("useradd", "--create-home", "--shell", "/bin/bash", name)
        for group in groups:
            run("usermod", "--append", "--groups", group, name)
        run("chpasswd", text=f"{name}:{password}\n")
    return password


def as_user(name, *command):
    """A command line that runs as that user with an environment of a login's own, and on
    the terminal that it is started on."""
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--reset-env",
            "--", *command]


def module_path(name=MODULE):
    """Where the installation put a module, for PAM files that name it in full."""
    found = glob.glob("/usr/local/lib/**/security/" + name, recursive=True)
    if not found:
        raise RuntimeError(f"{name} is not below /usr/local/lib")
    return found[0]


def install_service(example, service, drop=(), arguments="", instead=None):
    """Put examples/pam.d/EXAMPLE into /etc/pam.d/SERVICE as shipped, but for the module's
    full path (libpam looks below /usr/lib only), the lines that begin with one of drop,
    arguments of the module, and lines that have others instead ({line: other})."""
    instead = instead or {}
    with open(f"{TOP}/examples/pam.d/{example}", encoding="ascii") as file:
        lines = [instead.get(line.rstrip("\n"), line.rstrip("\n")) for line in file
                 if not line.startswith(tuple(drop))]
    for line in instead.values():
        if line not in lines:
            raise RuntimeError(f"{example} has no line to put {line} in the place of")
    with open(f"/etc/pam.d/{service}", "w", encoding="ascii") as file:
        for line in lines:
            if not line.startswith("#"):
                for name in (MODULE, ENROLL_MODULE):
                    line = line.replace(" " + name,
                                        f" {module_path(name)} {arguments}".rstrip())
            file.write(line + "\n")


class Phone:
    """An authenticator app: oathtool, fed with the otpauth:// URI of the QR code."""

    def __init__(self, uri):
        parts = urllib.parse.urlsplit(uri)
        keys = dict(urllib.parse.parse_qsl(parts.query, strict_parsing=True))
        if parts.scheme != "otpauth" or parts.netloc != "totp":
            raise RuntimeError("not the URI of a TOTP device")
        self.uri = uri
        self.label = urllib.parse.unquote(parts.path[1:])
        self.issuer = keys.get("issuer", "")
        self.secret = keys["secret"]
        self.algorithm = keys.get("algorithm", "SHA1").lower()
        self.digits = int(keys.get("digits", "6"))
        self.period = int(keys.get("period", "30"))
        TOLD.add(self.secret)

    @classmethod
    def from_qr(cls, picture):
        """Read the QR code in a picture file with zbarimg."""
        return cls(run("zbarimg", "--quiet", "--raw", "--nodbus", picture).strip())

    @classmethod
    def new(cls, user="user", period=30):
        """A phone with a key of its own, as a vendor delivers it."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        key = "".join(secrets.choice(letters) for _ in range(32))
        return cls(f"otpauth://totp/test:{user}?secret={key}&issuer=test&period={period}")

    def code_at(self, moment):
        """The code of the step that holds this moment (seconds since 1970)."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
        return run("oathtool", f"--totp={self.algorithm}", "--base32",
                   f"--digits={self.digits}", f"--time-step-size={self.period}s",
                   f"--now={stamp}", "-", text=self.secret).strip()

    def code(self, offset=0):
        """The code `offset` steps from now."""
        return self.code_at(time.time() + offset * self.period)

    def fresh(self, offset=0, seconds=6):
        """The same, when `seconds` are left for typing and checking it."""
        self.settle(seconds)
        return self.code(offset)

    def wrong(self):
        """A code that this phone shows at no time near."""
        now = time.time()
        near = {self.code_at(now + i * self.period) for i in range(-13, 4)}
        guess = secrets.randbelow(10 ** self.digits)
        while f"{guess:0{self.digits}}" in near:
            guess = (guess + 1) % 10 ** self.digits
        return f"{guess:0{self.digits}}"

    def left(self):
        """Seconds that the present code is shown on."""
        return self.period - time.time() % self.period

    def wait_next(self):
        """Wait until the next code is shown, and a moment more."""
        time.sleep(self.left() + 0.2)

    def settle(self, seconds=5):
        """Make sure that the present code is shown for `seconds` more."""
        if self.left() < seconds:
            self.wait_next()


def add_device(user, name="phone", period=30, ago="-1h"):
    """Give the user a device by `totp-admin add`, run that long ago by its clock: an import
    burns the steps up to its present, and tests need not wait for the next one.
    ago None: now. Returns the phone."""
    phone = Phone.new(user, period)
    clock = [] if ago is None else ["faketime", "-f", ago]
    run(*clock, "totp-admin", "add", user, name, "--uri-file", "-", text=phone.uri + "\n")
    return phone


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


class Sshd:
    """A real sshd on a loopback port whose PAM service is `service`: sshd takes the name of
    its program for that, so it is started by a link of that name. example: the file of
    examples/sshd_config.d; extra: lines that win over it."""

    def __init__(self, service, example, extra=()):
        self.service = service
        self.port = free_port()
        self.folder = f"/run/{service}"
        self.log = f"{self.folder}/log"
        os.makedirs(self.folder, exist_ok=True)
        self.key = f"{self.folder}/host_key"
        if not os.path.exists(self.key):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        self.program = f"{self.folder}/{service}"
        if not os.path.lexists(self.program):
            os.symlink("/usr/sbin/sshd", self.program)
        self.config = f"{self.folder}/config"
        with open(f"{TOP}/examples/sshd_config.d/{example}", encoding="ascii") as file:
            shipped = file.read()
        with open(self.config, "w", encoding="ascii") as file:
            # The first value of a keyword counts: extra before what is shipped.
            file.write("\n".join(extra) + "\n" + shipped +
                       f"Port {self.port}\nListenAddress 127.0.0.1\n"
                       f"HostKey {self.key}\nPidFile none\nLogLevel VERBOSE\n"
                       "LoginGraceTime 600\nMaxStartups 200\nUseDNS no\n")
        self.known = f"{self.folder}/known_hosts"
        with open(f"{self.key}.pub", encoding="ascii") as file:
            key = file.read()
        with open(self.known, "w", encoding="ascii") as file:
            file.write(f"[127.0.0.1]:{self.port} {key}")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "-D", "-E", self.log, "-f", self.config],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise RuntimeError(f"sshd does not listen: {self.read_log()}")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def read_log(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def client(self, user, options=()):
        """The command line of a real ssh client that asks on its terminal only.
        options: ("-b", "127.0.0.2") for another source address, ("-i", KEY) ..."""
        return ["ssh", "-F", "none", "-p", str(self.port), "-l", user,
                "-o", f"UserKnownHostsFile={self.known}", "-o", "GlobalKnownHostsFile=none",
                "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes",
                "-o", "IdentityAgent=none", "-o", "NumberOfPasswordPrompts=1", *options,
                "127.0.0.1"]


# An answer to the first prompt that ends in one of these.
PASSWORD = r"[Pp]assword[^\r\n]*: ?$"
CODE = r"MFA code: ?$"


class Login:
    """What came of a login: got_in, prompts (which were met, in order), transcript."""

    def __init__(self, got_in, prompts, transcript):
        self.got_in = got_in
        self.prompts = prompts
        self.transcript = transcript

    def __str__(self):
        names = {PASSWORD: "password", CODE: "code"}
        asked = ", ".join(names.get(prompt, prompt) for prompt in self.prompts)
        return f"{'got in' if self.got_in else 'denied'}, asked for: {asked or 'nothing'}; " \
               f"transcript:\n{self.transcript}"


def login(command, answers, mark=None, timeout=60, echo=None):
    """Run a command that asks for password and code on its terminal; whoever gets in must
    print `mark`: "{mark}" in an argument is it, else "echo MARK" is put behind the command.
    answers: {PASSWORD: [..], CODE: [..]}, each list used up in order (a function is called
    for its text). Without an answer left the terminal is closed. echo: a file for the
    transcript as it comes."""
    mark = mark or "in-" + secrets.token_hex(8)
    line = [word.replace("{mark}", mark) for word in command]
    if line == list(command):
        line += ["echo", mark]
    child = pexpect.spawn(line[0], line[1:], encoding="utf-8", codec_errors="replace",
                          timeout=timeout, dimensions=(24, 80))
    if echo is not None:
        child.logfile_read = echo
    left = {prompt: list(texts) for prompt, texts in answers.items()}
    prompts, seen = [], ""
    patterns = [re.escape(mark), pexpect.EOF, PASSWORD, CODE,
                *(prompt for prompt in left if prompt not in (PASSWORD, CODE))]
    while True:
        which = child.expect(patterns)
        seen += child.before + (child.after if isinstance(child.after, str) else "")
        if which <= 1:
            break
        prompt = patterns[which]
        prompts.append(prompt)
        if not left.get(prompt):
            child.close(force=True)
            return Login(False, prompts, re.sub(r"\r", "", seen))
        answer = left[prompt].pop(0)
        answer = answer() if callable(answer) else answer
        TOLD.add(answer)
        child.sendline(answer)
    if which == 0:
        child.expect(pexpect.EOF)
        seen += child.before
    child.close()
    return Login(which == 0, prompts, re.sub(r"\r", "", seen))
