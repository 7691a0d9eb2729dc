#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages and annotated example: made of the program's own tables, well-formed, and valid."""
import re
import shutil
import subprocess

from cmdlib import PROGRAM, contains, equal, folder, main, mtlsguard

HERE = PROGRAM.parent


def test_example():
    """the annotated example is a configuration without errors as it stands"""
    path = folder("docs") / "mtlsguard.lua"
    shutil.copy(HERE / "mtlsguard.lua.example", path)
    code, _, err = mtlsguard("check", "-c", path)
    equal(code, 0)
    assert "error:" not in err, err


def test_commands():
    """mtlsguard(1) holds what each command's --help says"""
    page = (HERE / "mtlsguard.1").read_text().replace("\\-", "-")
    for command in ("run", "check", "eval", "haproxy", "status", "reload", "drain"):
        contains(page, *[line for line in mtlsguard(command, "--help")[1].splitlines() if "\\" not in line])


def test_directives():
    """mtlsguard.lua(5) has every directive of the example"""
    page = (HERE / "mtlsguard.lua.5").read_text().replace("\\-", "-")
    keys = re.findall(r"^\s*(?:-- )?([a-z_]+) = ", (HERE / "mtlsguard.lua.example").read_text(), re.M)
    assert len(keys) > 30, keys
    for key in keys:
        contains(page, key)


def test_roff():
    """the pages make no formatter complain"""
    if not shutil.which("groff"):
        return
    for name in ("mtlsguard.1", "mtlsguard.lua.5"):
        result = subprocess.run(["groff", "-k", "-man", "-ww", "-z", "-Tutf8", HERE / name], capture_output=True, text=True, check=False)
        equal((name, result.returncode, result.stderr), (name, 0, ""))


main(globals())
