#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mtlsguard check: every fault at once, with file and line; exit codes; JSON."""
import json
import os

from cmdlib import ROOT, certificates, config, contains, equal, folder, main, mtlsguard, write


def check(path, *args):
    code, out, err = mtlsguard("check", "-c", path, "--json", *args)
    equal(err, "")
    faults = json.loads(out)["faults"]
    for fault in faults:
        equal(sorted(fault), ["file", "hint", "line", "message", "severity"])
        assert fault["severity"] in ("error", "warning", "lint"), fault
    equal(code, 1 if any(fault["severity"] == "error" for fault in faults) else 0)
    return faults


def lines(faults, severity="error"):
    return sorted({fault["line"] for fault in faults if fault["severity"] == severity})


def warnings(faults):
    return [fault["message"] for fault in faults if fault["severity"] == "warning"]


def test_fine():
    """a configuration without faults is exit 0"""
    path = config("check-fine")
    code, out, err = mtlsguard("check", "-c", path)
    equal(code, 0)
    contains(out, "fine")
    assert "error" not in err, err
    equal(lines(check(path)), [])


def test_no_file():
    """a configuration that is not there, or is a folder, is a fault"""
    for path in ("/nonexistent/mtlsguard.lua", folder("check-folder")):
        code, out, err = mtlsguard("check", "-c", path)
        equal((code, out), (1, ""))
        contains(err, str(path), "error")


def test_read_once():
    """a file that is refused ran once: its faults cost no second run of its Lua"""
    spent = []
    for name, key in (("good", "threads"), ("bad", "thraeds")):
        path = write(folder("check-once") / f"{name}.lua", f"for i = 1, 6e7 do end return {{ {key} = 2 }}")
        before = os.times().children_user
        check(path)
        spent.append(os.times().children_user - before)
    assert spent[1] < 1.6 * spent[0], spent


def test_this_machine():
    """what run would refuse on this machine is a warning, and run says the same"""
    lacking = config("check-machine", listen='spop = { { "unix:spop.sock", group = "no-such-group" } }',
                     more='decisions = { log = "missing/decisions.log" },')
    (lacking.parent / "state").mkdir()
    (lacking.parent / "state").chmod(0o777)
    warned = warnings(check(lacking))
    equal(len(warned), 3)
    code, _, err = mtlsguard("run", "-c", lacking)
    equal(code, 1)
    for words in ('there is no group "no-such-group"', "No such file or directory", "can be written by others"):
        equal(sum(words in message for message in warned), 1)
        contains(err, words)


def test_this_machine_has_all():
    """no warning where the group and the folders are there, or where run makes the folder"""
    path = config("check-machine-all", listen='spop = { { "unix:spop.sock", group = "root" } }',
                  more='decisions = { log = "decisions.log" },')
    equal(warnings(check(path)), [])
    (path.parent / "state").mkdir(0o750)
    equal(warnings(check(path)), [])


def test_files_for_folders():
    """a file where a folder has to be"""
    path = config("check-machine-files", more='decisions = { log = "file/decisions.log" },')
    write(path.parent / "file", "")
    write(path.parent / "state", "")
    warned = warnings(check(path))
    equal(len(warned), 2)
    for message in warned:
        contains(message, "is not a folder")


def test_all_at_once():
    """every fault is told, each with its line"""
    path = write(folder("check-all") / "mtlsguard.lua", f"""return {{
  thraeds = 2,
  deadline = "soon",
  listen = {{ spop = {{ "127.0.0.1:99999" }} }},
  authorities = {{
    partners = {{ certificates = "{certificates().path("partners")}", revocation = {{ deny = {{ "xyz" }} }} }},
    missing = {{ certificates = "no-such.pem" }},
  }},
  hosts = {{
    ["api.example.com"] = {{ authorities = {{ "partnres" }} }},
    ["b.example.com"] = {{ requrie = "none" }},
  }},
  workers = {{
    {{ name = "w", script = "no-such.lua", routes = {{ "api.example.com/*" }} }},
  }},
}}
""")
    faults = check(path)
    equal([line for line in (2, 3, 4, 6, 7, 10, 11, 14) if line not in lines(faults)], [])
    contains(json.dumps(faults), "threads", "partners", "require")
    _, out, err = mtlsguard("check", "-c", path)
    equal(out, "")
    contains(err, f"{path}:2: error:", f"{path}:14: error:")
    positions = [fault["line"] or 0 for fault in faults if fault["file"] == str(path)]
    equal(positions, sorted(positions))


def test_syntax():
    """a syntax error in the configuration has its line, and so has one in a worker"""
    path = write(folder("check-syntax") / "mtlsguard.lua", "return {\n  hosts = {\n    oops oops\n  },\n}\n")
    assert 3 in lines(check(path))
    here = folder("check-worker")
    write(here / "w.lua", "local M = {}\nfunction M.fetch(request)\n  return fetch(request\nend\nreturn M\n")
    faults = check(config("check-worker", more='workers = { { name = "w", script = "w.lua", routes = { "api.example.com/*" } } },'))
    assert any(fault["file"].endswith("w.lua") and fault["line"] in (3, 4) for fault in faults), faults


def test_worker_lints():
    """what reads like a mistake in a worker is told, and changes no exit code"""
    here = folder("check-lints")
    write(here / "w.lua", """local M = {}
function M.fetch(request)
  if request.cf.tlsClientAuth.certPresented then
    local x = request.cf.tlsClientAuth.certVerify
  end
  return fetch(request)
end
return M
""")
    path = config("check-lints", more='workers = { { name = "w", script = "w.lua", routes = { "api.example.com/*", "nowhere.example/*" } } },')
    faults = check(path)
    equal(lines(faults), [])
    found = {(os.path.basename(fault["file"]), fault["line"]) for fault in faults}
    assert ("w.lua", 3) in found and ("w.lua", 4) in found, faults
    contains(json.dumps(faults), "no host of the configuration matches this route")


def test_lints():
    """lints: a host without authorities, an authority that expires soon"""
    pki = certificates()
    pki.issue("soon", "/CN=Soon", ca=True, days=(-1, 5))
    path = write(folder("check-soon") / "mtlsguard.lua", f"""return {{
  authorities = {{ soon = {{ certificates = "{pki.path("soon")}" }} }},
  hosts = {{
    ["a.example"] = {{ authorities = {{ "soon" }} }},
    ["b.example"] = {{ authorities = {{}} }},
  }},
}}
""")
    faults = check(path)
    equal(lines(faults), [])
    text = json.dumps(faults)
    contains(text, "soon", "b.example")


def test_tls_files():
    """the certificates of listeners are checked too"""
    path = config("check-tls", listen='spop = { { "127.0.0.1:0", tls = { certificate = "no.pem", key = "no.key" } } }')
    faults = [fault for fault in check(path) if fault["severity"] == "error"]
    assert faults and all("no." in fault["message"] or "no." in str(fault["file"]) for fault in faults), faults
    pki = certificates()
    path = config("check-tls", listen=f'spop = {{ {{ "127.0.0.1:0", tls = {{ certificate = "{pki.path("server")}", '
                                      f'key = "{pki.key("alice")}" }} }} }}')
    assert lines(check(path)) or [f for f in check(path) if f["severity"] == "error"]


def test_haproxy():
    """--haproxy: a shipped front is fine, one without its deny is an error at its line; faults of both are told together"""
    front = folder("check-front")
    for name in ("haproxy.cfg", "spoe-mtlsguard.conf", "mtlsguard.lua"):
        write(front / name, (ROOT / "haproxy-conf" / name).read_text())
    path = config("check-front-agent", more="headers = { managed_transform = true },")
    equal(lines(check(path, "--haproxy", front / "haproxy.cfg")), [])
    text = (front / "haproxy.cfg").read_text()
    kept = [line for line in text.splitlines(True) if "-m str allow" not in line and "http-request lua.mtlsguard" not in line]
    assert len(kept) < len(text.splitlines())
    write(front / "unsafe.cfg", "".join(kept))
    faults = check(path, "--haproxy", front / "unsafe.cfg")
    assert any(fault["file"].endswith("unsafe.cfg") and fault["severity"] == "error" and fault["line"] for fault in faults), faults
    broken = write(front / "broken.lua", "return { thraeds = 1 }\n")
    files = {os.path.basename(fault["file"]) for fault in check(broken, "--haproxy", front / "unsafe.cfg")}
    equal(files, {"broken.lua", "unsafe.cfg"})


def test_front_servers():
    """the backend's servers are where a HAProxy beside the agent finds it, not what the agent binds"""
    path = config("check-servers", listen='spop = { "0.0.0.0:9640", "[::]:9641", "[::1]:9642", "127.0.0.1:0", "unix:@guard", "unix:/run/a.sock" }')
    code, out, err = mtlsguard("haproxy", "front", "-c", path)
    equal((code, err), (0, ""))
    equal([line.split()[2] for line in out.splitlines() if line.startswith("    server ")],
          ["127.0.0.1:9640", "[::1]:9641", "[::1]:9642", "127.0.0.1:PORT", "abns@guard", "unix@/run/a.sock"])


def test_crt_list_addresses():
    """no client names an address in its handshake, and HAProxy would take [::1] for options: such hosts have no line"""
    path = config("check-crt-list", hosts='["[::1]"] = { authorities = { "partners" } }, ["10.0.0.1"] = {}, ["a.example"] = {}')
    code, out, err = mtlsguard("haproxy", "crt-list", "-c", path)
    equal((code, err), (0, ""))
    equal([line.split()[-1] for line in out.splitlines() if line[0] != "#"], ["a.example"])
    contains(out, "# [::1] is an address")
    equal([line["host"] for line in json.loads(mtlsguard("haproxy", "crt-list", "-c", path, "--json")[1])], ["a.example"])


def test_json_only():
    """with --json nothing else is printed; without it nothing is coloured into a pipe"""
    path = write(folder("check-json") / "mtlsguard.lua", "return { x = 1 }\n")
    code, out, err = mtlsguard("check", "-c", path, "--json")
    equal((code, err), (1, ""))
    equal(out.count("\n"), 1)
    _, _, err = mtlsguard("check", "-c", path)
    assert "\033" not in err


def test_duplicates():
    """nothing is told twice"""
    path = write(folder("check-twice") / "mtlsguard.lua", "return {\n  x = 1,\n  threads = -1,\n}\n")
    faults = [json.dumps(fault) for fault in check(path)]
    equal(len(faults), len(set(faults)))


main(globals())
