# SPDX-License-Identifier: Apache-2.0
"""Runs a HAProxy with one of the shipped fronts. Only what depends on the place is changed in them: addresses, paths, user."""
import os
import pathlib
import shutil
import subprocess

from process import ROOT, Process, accepts, free_port

SHIPPED = ROOT / "haproxy-conf"
# Edits that a user makes, too: for owned = { "x-client-" } in the front, for workers that read headers in the SPOE file.
OWNED_LINE = ("    http-request del-header ^x[-_]mtls[-_] -m reg\n",
              "    http-request del-header ^x[-_]mtls[-_] -m reg\n    http-request del-header ^x[-_]client[-_] -m reg\n")
ALL_HEADERS = ("#args headers=req.hdrs_bin", "args headers=req.hdrs_bin")


def replace(text, old, new):
    if old not in text:
        raise ValueError(f"the shipped file has no {old!r}")
    return text.replace(old, new)


def replace_one(text, choices, new):
    """The fronts differ in what they listen on and lead to; each has one of the choices."""
    found = [old for old in choices if old in text]
    if len(found) != 1:
        raise ValueError(f"the shipped file has {found} of {choices}")
    return text.replace(found[0], new)


def without_privileges(text, folder):
    """chroot and user stay where a test may use them, as root with Debian's user there."""
    lines = text.splitlines(keepends=True)
    if os.geteuid() == 0 and "haproxy:" in pathlib.Path("/etc/passwd").read_text():
        chroot = folder / "chroot"
        chroot.mkdir(exist_ok=True)
        return replace(text, "chroot /var/lib/haproxy", f"chroot {chroot}")
    drop = ("    user ", "    group ", "    chroot ")
    return "".join(line for line in lines if not line.startswith(drop))


def install(folder, name, pki, agent, origin_port, port, edits=(), spoe_edits=()):
    """Writes the front of that name and what it needs into folder. agent: "127.0.0.1:PORT" or what else a server line takes.
    edits: (old, new) pairs for the front, spoe_edits for the SPOE file. Returns the front's path."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHIPPED / "mtlsguard.lua", folder)
    shutil.copy(pki.both("server"), folder / "server.pem")
    shutil.copy(pki.path("stranger"), folder / "any-ca.pem")
    spoe = (SHIPPED / "spoe-mtlsguard.conf").read_text()
    for old, new in spoe_edits:
        spoe = replace(spoe, old, new)
    (folder / "spoe-mtlsguard.conf").write_text(spoe)
    text = (SHIPPED / name).read_text()
    for old, new in edits:
        text = replace(text, old, new)
    text = without_privileges(text, folder)
    text = replace(text, "/etc/haproxy/", f"{folder}/")
    text = replace_one(text, ("bind :443 ", "bind :8883 "), f"bind 127.0.0.1:{port} ")
    text = replace(text, "    server agent 127.0.0.1:9640 ", f"    server agent {agent} ")
    text = replace_one(text, ("127.0.0.1:8080", "127.0.0.1:1883"), f"127.0.0.1:{origin_port}")
    path = folder / name
    path.write_text(text)
    return path


class Haproxy(Process):
    def __init__(self, program, folder, name, pki, agent, origin_port, edits=(), spoe_edits=(), port=None):
        self.port = port or free_port()
        self.program = program
        self.path = install(folder, name, pki, agent, origin_port, self.port, edits, spoe_edits)
        super().__init__([program, "-f", self.path], pathlib.Path(folder) / "haproxy.log")

    def check(self):
        """What "haproxy -c" says: (exit status, output)."""
        result = subprocess.run([self.program, "-c", "-f", str(self.path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=20, check=False)
        return result.returncode, result.stdout

    def start(self):
        self.launch(lambda: accepts(self.port), "HAProxy")
        return self
