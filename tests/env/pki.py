#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a throw-away PKI with the openssl command: authorities, client certificates good and bad, a server certificate.

    pki.py FOLDER       writes NAME.pem (certificate, then its intermediates), NAME.key, NAME.both.pem (all of it) for each NAME below

| name | what it is |
|---|---|
| partners, partners-sub | EC root, and an EC intermediate below it |
| devices | RSA root |
| stranger | EC root that no configuration names |
| alice | good, below partners-sub; CN=alice, OU=admin |
| bob | good, below partners itself; CN=bob, OU=staff |
| rsa | good RSA certificate, below devices; CN=sensor-1 |
| denied | like alice; its serial is meant for a deny list |
| expired, early | valid until yesterday; from tomorrow on |
| foreign | below stranger |
| selfsigned | signed by itself, with alice's subject |
| serveronly | below partners; its EKU has serverAuth only |
| server | for localhost, 127.0.0.1, *.example.com |
"""
import datetime
import os
import pathlib
import subprocess
import sys

CONFIG = """
[ca]
default_ca = this
[this]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
organizationName = optional
organizationalUnitName = optional
[req]
distinguished_name = dn
string_mask = utf8only
[dn]
[extensions]
{extensions}
"""
CA_EXTENSIONS = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n"
LEAF_EXTENSIONS = "basicConstraints = CA:FALSE\nkeyUsage = critical, digitalSignature\nsubjectKeyIdentifier = hash\n"
SERVER_NAMES = "DNS:localhost,DNS:example.com,DNS:*.example.com,DNS:*.iot.example.com,IP:127.0.0.1"


def faked(**settings):
    """The environment of a program whose clock is libfaketime's. Without the faketime command: that would be what ends when the
    program is to, and it refuses to run where somebody of the same pid was killed and left a semaphore."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return {**os.environ, "LD_PRELOAD": str(library), **settings}


def openssl(*args, clock=None):
    """clock: seconds by which the command's clock differs."""
    result = subprocess.run(["openssl", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                            env=faked(FAKETIME=f"{clock:+d}") if clock else None)
    if result.returncode:
        raise RuntimeError(f"openssl {args[0]}: {result.stdout.decode(errors='replace')}")
    return result.stdout


def moment(days):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y%m%d%H%M%SZ")


class Pki:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.issuers = {}
        self.serial_next = 0x51A4E000000001

    def path(self, name):
        """The certificate, followed by its intermediates when it has any."""
        return self.folder / f"{name}.pem"

    def key(self, name):
        return self.folder / f"{name}.key"

    def both(self, name):
        return self.folder / f"{name}.both.pem"

    def der(self, name):
        return openssl("x509", "-in", self.path(name), "-outform", "DER")

    def serial(self, name):
        """Upper hex, as the configuration's deny lists take it."""
        return openssl("x509", "-in", self.path(name), "-noout", "-serial").decode().strip().partition("=")[2]

    def fingerprint(self, name):
        text = openssl("x509", "-in", self.path(name), "-noout", "-fingerprint", "-sha256").decode()
        return text.strip().partition("=")[2].replace(":", "").lower()

    def _key(self, name, algorithm):
        options = {"ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                   "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "ed25519": ["-algorithm", "ED25519"]}[algorithm]
        openssl("genpkey", *options, "-out", self.key(name))
        self.key(name).chmod(0o644)

    def issue(self, name, subject, issuer=None, ca=False, algorithm="ec", days=(-1, 365), extensions="", san="", eku="clientAuth"):
        """Makes key and certificate. issuer None: by itself. days: from and until, from today on."""
        parts = [CA_EXTENSIONS if ca else LEAF_EXTENSIONS]
        if issuer:
            parts.append("authorityKeyIdentifier = keyid\n")
        if not ca and eku:
            parts.append(f"extendedKeyUsage = {eku}\n")
        if san:
            parts.append(f"subjectAltName = {san}\n")
        config = self.folder / "openssl.cnf"
        config.write_text(CONFIG.format(folder=self.folder, extensions="".join(parts) + extensions))
        for state in ("index.txt", "index.txt.attr"):
            (self.folder / state).write_text("")
        self.serial_next += 1
        self._key(name, algorithm)
        request, out = self.folder / "request.csr", self.path(name)
        openssl("req", "-new", "-config", config, "-key", self.key(name), "-subj", subject, "-out", request)
        signer = ["-selfsign", "-keyfile", self.key(name)] if not issuer else \
            ["-cert", self.path(issuer), "-keyfile", self.key(issuer)]
        (self.folder / "serial").write_text(f"{self.serial_next:X}\n")
        with open(config, "a", encoding="ascii") as file:
            file.write(f"[this]\nserial = {self.folder}/serial\n")
        openssl("ca", "-batch", "-notext", "-config", config, "-extensions", "extensions", "-in", request, "-out", out,
                "-startdate", moment(days[0]), "-enddate", moment(days[1]), *signer)
        (self.folder / f"{self.serial_next:X}.pem").unlink(missing_ok=True)
        self.issuers[name] = issuer
        certificate = out.read_text()
        if not ca:
            out.write_text(certificate + "".join(self.intermediates(name)))
        self.both(name).write_text(out.read_text() + self.key(name).read_text())
        self.both(name).chmod(0o644)

    def intermediates(self, name):
        issuer = self.issuers.get(name)
        while issuer and self.issuers.get(issuer):
            yield self.path(issuer).read_text()
            issuer = self.issuers[issuer]


def make(folder):
    """All of the table above."""
    pki = Pki(folder)
    pki.issue("partners", "/O=Example Partners/CN=Partners Root", ca=True)
    pki.issue("partners-sub", "/O=Example Partners/CN=Partners Issuing CA", issuer="partners", ca=True)
    pki.issue("devices", "/O=Example Devices/CN=Devices Root", ca=True, algorithm="rsa")
    pki.issue("stranger", "/O=Somebody Else/CN=Stranger Root", ca=True)
    pki.issue("alice", "/O=Example/OU=admin/CN=alice", issuer="partners-sub", san="email:alice@example.com,URI:spiffe://example.com/alice")
    pki.issue("bob", "/O=Example/OU=staff/CN=bob", issuer="partners")
    pki.issue("rsa", "/O=Example/OU=sensors/CN=sensor-1", issuer="devices", algorithm="rsa")
    pki.issue("denied", "/O=Example/OU=admin/CN=mallory", issuer="partners-sub")
    pki.issue("expired", "/O=Example/OU=admin/CN=carol", issuer="partners-sub", days=(-30, -1))
    pki.issue("early", "/O=Example/OU=admin/CN=dave", issuer="partners-sub", days=(1, 30))
    pki.issue("foreign", "/O=Example/OU=admin/CN=alice", issuer="stranger")
    pki.issue("selfsigned", "/O=Example/OU=admin/CN=alice")
    pki.issue("serveronly", "/O=Example/OU=admin/CN=eve", issuer="partners", eku="serverAuth")
    pki.issue("server", "/O=Example/CN=localhost", issuer="partners", eku="serverAuth", san=SERVER_NAMES)
    return pki


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    make(sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
