#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Images of the memory of processes that run, as a core file would have it, and what to search
them for. Root's.

    image(pid)              all that the process can write, as it is now
    with Watch(pid) as w:   traces it from now on, by another process: this file, run
        ...                 with PID and FOLDER
    w.images, w.last        at each call of write(2) and its like; at its end, before the
                            kernel has freed anything

    Needles                 what to search them for
"""

import base64
import ctypes
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile

# write, pwrite64, sendto, fsync, fdatasync
CALLS = {"x86_64": (1, 18, 44, 74, 75), "aarch64": (64, 68, 206, 82, 83)}.get(
    platform.machine())

DETACH, SYSCALL, SEIZE = 17, 24, 0x4206
GET_SYSCALL_INFO, INTERRUPT = 0x420e, 0x4207
OPTIONS = 0x1 | 0x10 | 0x40  # TRACESYSGOOD, TRACEEXEC, TRACEEXIT
EVENT_EXIT = 6
STOP_OF_CALL = 5 | 0x80

WIDE = ("utf-16-le", "utf-32-le")
PAGE = 4096
EMPTY = bytes(PAGE)


def image(pid):
    """All that the process may write, but pages that are empty, which hold no needle."""
    parts = []
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, mode = line.split()[:2]
            if mode[:2] != "rw":
                continue
            start, end = (int(n, 16) for n in span.split("-"))
            memory.seek(start)
            whole = memory.read(end - start)
            pages = (whole[at:at + PAGE] for at in range(0, len(whole), PAGE))
            parts.append(b"".join(page for page in pages if page != EMPTY))
    return b"\n".join(parts)


class Watch:
    """A process that is traced until it ends. PermissionError: not allowed here."""

    def __init__(self, pid):
        self.folder = tempfile.mkdtemp(dir="/run")
        self.process = subprocess.Popen([sys.executable, __file__, str(pid), self.folder],
                                        stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"watching\n":
            raise PermissionError(f"process {pid} cannot be traced")
        self.images, self.last = [], None

    def __enter__(self):
        return self

    def __exit__(self, trouble, *_):
        if trouble is not None:
            self.process.kill()  # the process may never end
        self.process.wait(60)
        self.process.stdout.close()
        found = sorted(os.listdir(self.folder))
        for name in found:
            with open(f"{self.folder}/{name}", "rb") as file:
                self.images.append(file.read())
        shutil.rmtree(self.folder)
        if self.process.returncode == 0 and self.images:
            self.last = self.images.pop()


class Needles:
    """What must not be found, in every form that the product or a library could have made of
    it. Of a long one each part of ten bytes or more counts: malloc writes over the first of
    what is freed."""

    def __init__(self):
        self.forms = {}    # bytes: what it is
        self.numbers = {}  # digits that stand alone

    def text(self, what, text):
        """Text as it is, in capitals and not; its middle also as UTF-16 and UTF-32, which is
        that of wchar_t."""
        for form in {text, text.lower(), text.upper()}:
            middle = form[max(0, len(form) // 2 - 6):len(form) // 2 + 6]
            for part in (form[:12], middle, form[-12:]):
                self.forms[part.encode()] = f"{what} (text)"
            for coding in WIDE:
                self.forms[middle.encode(coding)] = f"{what} ({coding})"

    def secret(self, what, base32):
        raw = base64.b32decode(base32)
        for part in (raw[:10], raw[5:15], raw[-10:]):
            self.forms[part] = f"{what} (raw)"
        self.text(f"{what} (base32)", base32)
        self.text(f"{what} (in fours)", " ".join(re.findall("....", base32)))
        self.text(f"{what} (hex)", raw.hex())
        for shift in range(3):  # wherever it begins in what was encoded
            encoded = base64.b64encode(bytes(shift) + raw).decode()
            self.forms[encoded[4:-4].encode()] = f"{what} (base64)"
        self.text(f"{what} (otpauth URI)", f"secret={base32}")

    def recovery(self, what, code):
        self.text(what, code)
        self.text(f"{what} (without dashes)", code.replace("-", ""))

    def code(self, what, digits, before=b""):
        """A code, also as struct otp_typed has it. As digits they stand alone. before: an
        image of when nobody knew them; six that are in it are there by chance."""
        if not is_alone(digits, before):
            self.numbers[digits] = what
        self.forms[struct.pack("<II", int(digits), len(digits))] = f"{what} (struct otp_typed)"
        for coding in WIDE:
            self.forms[digits.encode(coding)] = f"{what} ({coding})"

    def found(self, where):
        """What of it is in an image: a sorted list."""
        names = {what for form, what in self.forms.items() if form in where}
        names.update(what for digits, what in self.numbers.items() if is_alone(digits, where))
        return sorted(names)


def is_alone(digits, where):
    """These digits, and no other beside them, are in an image."""
    text = digits.encode()
    return text in where and re.search(rb"(?<![0-9])%s(?![0-9])" % text, where) is not None


# --- the tracer ---------------------------------------------------------------------------

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid, address=0, data=0):
    result = libc.ptrace(request, pid, address, data)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")
    return result


def is_call_of_interest(pid):
    """The process is at the beginning of one of CALLS."""
    info = ctypes.create_string_buffer(128)
    ptrace(GET_SYSCALL_INFO, pid, 128, ctypes.addressof(info))
    is_entry = info.raw[0] == 1
    return is_entry and struct.unpack_from("<Q", info.raw, 24)[0] in CALLS


def trace(pid, folder):
    """Until its end."""
    ptrace(SEIZE, pid, 0, OPTIONS)
    ptrace(INTERRUPT, pid)  # its calls count from the next stop on
    count = 0

    def keep():
        nonlocal count
        with open(f"{folder}/.new", "wb") as file:
            file.write(image(pid))
        os.rename(f"{folder}/.new", f"{folder}/{count:05d}")
        count += 1

    is_told = False
    while True:
        _, status = os.waitpid(pid, 0x40000000)  # __WALL
        if not os.WIFSTOPPED(status):
            return 1  # killed: no image of its end
        number, event = os.WSTOPSIG(status), status >> 16
        if event == EVENT_EXIT:
            keep()
            ptrace(DETACH, pid)
            return 0
        if number == STOP_OF_CALL and is_call_of_interest(pid):
            keep()
        is_signal = event == 0 and number != STOP_OF_CALL
        ptrace(SYSCALL, pid, 0, number if is_signal else 0)
        if not is_told:
            is_told = True
            print("watching", flush=True)


if __name__ == "__main__":
    sys.exit(trace(int(sys.argv[1]), sys.argv[2]))
