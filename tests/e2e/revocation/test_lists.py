#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists of `openssl ca` in files and on a real nginx. How soon they count is measured by test_revoked_in_time.py."""
import sys
import time

from rig import FOLDER, Setting, settings
import revocable  # the path to it comes from rig
from tap import Tests, equal, main

tests = Tests()


@tests
def a_half_written_list_keeps_the_old_one():
    ca = revocable.Ca(FOLDER / "half-ca")
    path = FOLDER / "half.crl"
    good, bad = ca.issue("good"), ca.issue("bad")
    ca.revoke("bad")
    ca.publish(path)
    with Setting("half", settings(ca, crl=[path])) as this:
        equal(this.reason(bad), "certificate_revoked")
        whole = path.read_bytes()
        path.write_bytes(whole[:len(whole) // 2])
        time.sleep(0.5)
        equal((this.reason(bad), this.reason(good)), ("certificate_revoked", "allowed"))
        path.write_bytes(whole)
        path.unlink()
        time.sleep(0.5)
        equal((this.reason(bad), this.reason(good)), ("certificate_revoked", "allowed"))


@tests
def a_watched_deny_file_needs_no_reload():
    ca = revocable.Ca(FOLDER / "deny-ca")
    path = FOLDER / "deny.txt"
    path.write_text("# nobody yet\n")
    cert = ca.issue("last")
    with Setting("deny", settings(ca, deny=[f"file:{path}"])) as this:
        equal(this.reason(cert), "allowed")
        path.write_text(path.read_text() + ca.serial("last") + "\n")
        this.wait_reason(cert, "certificate_revoked")


@tests
def reloads_do_not_put_off_a_refresh():
    ca = revocable.Ca(FOLDER / "reload-ca")
    cert = ca.issue("one")
    with revocable.Nginx(FOLDER / "reload-nginx").start() as nginx:
        ca.publish(nginx.root / "r.crl", seconds=600, age=6000)
        with Setting("reload", settings(ca, crl=[nginx.url("r.crl")])) as this:
            this.wait_reason(cert, "allowed", 5)
            ca.revoke("one")
            ca.publish(nginx.root / "r.crl", seconds=600, age=6000)
            end = time.monotonic() + 12
            while this.reason(cert) == "allowed":
                assert time.monotonic() < end, this.lists()
                equal(this.agent.command("reload")[0], 0)
                time.sleep(0.2)


@tests
def a_distribution_point_is_followed():
    ca = revocable.Ca(FOLDER / "point-ca")
    with revocable.Nginx(FOLDER / "point-nginx").start() as nginx:
        good, bad = ca.issue("good", crl=nginx.url("p.crl")), ca.issue("bad", crl=nginx.url("p.crl"))
        ca.revoke("bad")
        ca.publish(nginx.root / "p.crl", der=True)
        with Setting("point", settings(ca, distribution_points=True)) as this:
            equal((this.reason(good), this.reason(bad)), ("allowed", "certificate_revoked"))
            equal(nginx.requests("/p.crl"), 1)


@tests
def a_start_after_a_kill_knows_what_was_revoked():
    ca = revocable.Ca(FOLDER / "kill-ca")
    good, bad = ca.issue("good"), ca.issue("bad")
    ca.revoke("bad")
    with revocable.Nginx(FOLDER / "kill-nginx").start() as nginx:
        ca.publish(nginx.root / "k.crl")
        with Setting("kill", settings(ca, crl=[nginx.url("k.crl")])) as this:
            this.wait_reason(good, "allowed", 5)
            equal(this.reason(bad), "certificate_revoked")
            nginx.stop()
            this.restart()
            this.wait_reason(good, "allowed", 5)
            equal(this.reason(bad), "certificate_revoked")


@tests
def a_kill_while_files_are_replaced_loses_nothing():
    ca = revocable.Ca(FOLDER / "kills-ca")
    path = FOLDER / "kills.crl"
    bad = ca.issue("bad")
    ca.revoke("bad")
    ca.publish(path)
    with Setting("kills", settings(ca, crl=[path])) as this:
        equal(this.reason(bad), "certificate_revoked")
        for trial in range(6):
            ca.publish(path)
            time.sleep(0.005 * trial)
            this.restart()
            equal(this.reason(bad), "certificate_revoked")


if __name__ == "__main__":
    sys.exit(main(tests))
