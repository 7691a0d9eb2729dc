#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What README.md shows works as it stands: its configuration, its worker, its commands, its reasons, its HAProxy lines."""
import re
import shutil

from cmdlib import ROOT, certificates, contains, equal, folder, main, mtlsguard, write

README = (ROOT / "README.md").read_text()


def block(first):
    """The code block whose first line begins so."""
    found = re.findall(r"^```\w*\n(" + re.escape(first) + r".*?)^```", README, re.M | re.S)
    equal((first, len(found)), (first, 1))
    return found[0]


def installed():
    """A folder with the configuration and the worker of the README, and the files that they name."""
    here = folder("readme")
    (here / "ca").mkdir(exist_ok=True)
    (here / "workers").mkdir(exist_ok=True)
    for name, source in (("partners", "partners"), ("extra", "partners-sub"), ("devices", "devices")):
        shutil.copy(certificates().path(source), here / "ca" / f"{name}.pem")
    write(here / "workers" / "api.lua", block("-- workers/api.lua"))
    return write(here / "mtlsguard.lua", block("-- /etc/mtlsguard/mtlsguard.lua"))


def test_configuration():
    """the configuration and the worker are without a fault"""
    code, out, err = mtlsguard("check", "-c", installed())
    equal((code, "error" in out + err), (0, False))


def test_eval():
    """the eval command decides, and its exit status is as the README says"""
    command = re.search(r"^mtlsguard (eval -c mtlsguard.lua .*)$", README, re.M).group(1).split()
    command[command.index("mtlsguard.lua")] = str(installed())
    command[command.index("alice.pem")] = str(certificates().path("alice"))
    code, out, err = mtlsguard(*command)
    equal((code, err), (0, ""))
    contains(out, "x-client-name", "x-client-team", "edge")
    command[command.index(str(certificates().path("alice")))] = str(certificates().path("foreign"))
    equal(mtlsguard(*command)[0], 10)


def test_reasons():
    """the table has every reason of the source with its status"""
    source = (ROOT / "agent/core/verdict.c").read_text()
    rows = re.findall(r'\{\s*"([a-z_]+)",\s*(\d+)', source)
    assert len(rows) > 10, rows
    table = README.partition("### Reason codes")[2].partition("\n#")[0]
    for reason, status in rows:
        line = [row for row in table.splitlines() if row.startswith("|") and f"`{reason}`" in row]
        equal((reason, len(line)), (reason, 1))
        assert status == "0" or f"| {status} |" in line[0], (reason, status, line[0])


def test_shipped_lines():
    """the lines for a HAProxy of one's own stand in the shipped front as well"""
    shipped = (ROOT / "haproxy-conf/haproxy.cfg").read_text()
    for line in block("    filter spoe engine").splitlines() + block("backend mtlsguard").splitlines():
        contains(shipped, line.split("#")[0].strip())


def test_files():
    """every file that is named is there"""
    for path in re.findall(r"`?((?:docker|haproxy-conf|agent|lua)/[\w.-]+\.\w+)`?", README):
        assert (ROOT / path).exists(), path


def test_targets():
    """every make target that is named is there"""
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^|&& )make ([a-z]+)\b", README, re.M)):
        assert re.search(rf"^{target}:", makefile, re.M), target


main(globals())
