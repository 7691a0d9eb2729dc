# SPDX-License-Identifier: Apache-2.0
"""A CA that revokes, with the openssl command's own database, its OCSP responder, and an nginx that serves lists."""
import concurrent.futures
import datetime
import pathlib
import re
import subprocess
import time

import pki
from process import Process, accepts, free_port, wait_for

CONFIG = """
[ca]
default_ca = this
[this]
database = {folder}/index.txt
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
default_days = 30
policy = any
unique_subject = no
crl_extensions = crl
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[crl]
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{extensions}
[responder]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
"""


def stamp(seconds):
    """So many seconds from now, as the openssl command takes it."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y%m%d%H%M%SZ")


class Ca:
    """ca.pem and ca.key in a folder; certificates by name. clock: seconds by which its clock differs, as whatever is issued and revoked
    shows; a list's dates are given with it."""

    def __init__(self, folder, name="Revoking CA", clock=None):
        self.clock = clock
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cert = self.folder / "ca.pem"
        self.key = self.folder / "ca.key"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key,
                    "-out", self.cert, "-subj", f"/CN={name}", "-days", "365", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        for file, text in (("index.txt", ""), ("index.txt.attr", "unique_subject = no\n"), ("serial", "9000000000000001\n"),
                           ("crlnumber", "01\n")):
            (self.folder / file).write_text(text)

    def openssl(self, *args):
        return pki.openssl(*args, clock=self.clock)

    def config(self, extensions=""):
        path = self.folder / "openssl.cnf"
        path.write_text(CONFIG.format(folder=self.folder, extensions=extensions))
        return path

    def issue(self, name, crl=None, ocsp=None, section="leaf"):
        """crl, ocsp: URLs that the certificate names. Returns the DER."""
        lines = []
        if crl:
            lines.append(f"crlDistributionPoints = URI:{crl}")
        if ocsp:
            lines.append(f"authorityInfoAccess = OCSP;URI:{ocsp}")
        config = self.config("\n".join(lines))
        base = self.folder / name
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", config,
                    "-keyout", f"{base}.key", "-out", f"{base}.csr", "-subj", f"/CN={name}")
        self.openssl("ca", "-batch", "-notext", "-config", config, "-extensions", section, "-in", f"{base}.csr", "-out", f"{base}.pem")
        return self.der(name)

    def issue_many(self, names, first_serial=0x5000000000000001):
        """Plain client certificates, all with the CA's second key: one command each, two at a time. Returns {name: PEM with the key}."""
        config, key = self.config(), self.folder / "many.key"
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)

        def issue(number, name):
            path = self.folder / f"{name}.pem"
            self.openssl("req", "-x509", "-config", config, "-CA", self.cert, "-CAkey", self.key, "-key", key, "-extensions", "leaf",
                        "-set_serial", first_serial + number, "-subj", f"/CN={name}", "-days", "30", "-out", path)
            both = self.folder / f"{name}.both.pem"
            both.write_text(path.read_text() + key.read_text())
            return both

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return dict(zip(names, pool.map(issue, range(len(names)), names)))

    def der(self, name):
        return self.openssl("x509", "-in", self.folder / f"{name}.pem", "-outform", "DER")

    def serial(self, name):
        return self.openssl("x509", "-in", self.folder / f"{name}.pem", "-noout", "-serial").decode().strip().partition("=")[2]

    def revoke(self, name, reason="keyCompromise"):
        self.openssl("ca", "-config", self.config(), "-revoke", self.folder / f"{name}.pem", "-crl_reason", reason)

    def publish(self, path, seconds=3600, der=False, age=0):
        """Writes the list beside path and renames it. It is good for `seconds` from now, and says that it was made `age` seconds ago:
        where that is most of its life, a refresh is due at once. Returns when it was renamed (monotonic)."""
        path = pathlib.Path(path)
        draft = path.with_name(f".{path.name}.draft")
        self.openssl("ca", "-config", self.config(), "-gencrl", "-crl_lastupdate", stamp(-age), "-crl_nextupdate", stamp(seconds), "-out", draft)
        if der:
            self.openssl("crl", "-in", draft, "-outform", "DER", "-out", draft)
        draft.chmod(0o644)
        draft.rename(path)
        return time.monotonic()


class Responder(Process):
    """`openssl ocsp` with a responder's certificate, which it reads its CA's database for. Answers hold for `minutes`; signer: another CA,
    whose responder's certificate signs; section: what that certificate is made as; index: another database; clock: seconds by which its
    clock differs."""

    def __init__(self, ca, minutes=1, signer=None, section="responder", index=None, clock=0):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        base = (signer or ca).folder / f"signs-as-{section}"
        if not base.with_suffix(".pem").exists():
            (signer or ca).issue(base.name, section=section)
        env = pki.faked(FAKETIME=f"{clock:+d}") if clock else None
        args = ["openssl", "ocsp", "-index", index or ca.folder / "index.txt", "-port", self.port, "-CA", ca.cert,
                 "-rsigner", f"{base}.pem", "-rkey", f"{base}.key", "-ignore_err", "-nmin", minutes]
        super().__init__(args, ca.folder / f"responder-{self.port}.log", env)

    def start(self):
        # A connection that says nothing keeps this responder busy for ever, so nobody knocks at its port.
        self.launch(lambda: "waiting for OCSP client connections" in self.output(), "the OCSP responder")
        return self


class Nginx(Process):
    """Serves a folder; what comes under /ocsp goes on to a responder, and what comes to get_only, where nothing but GET is taken."""

    def __init__(self, folder, responder_port=None):
        folder = pathlib.Path(folder)
        self.root = folder / "root"
        self.root.mkdir(parents=True, exist_ok=True)
        self.port, getting = free_port(), free_port()
        self.get_only = f"http://127.0.0.1:{getting}/"
        self.access = folder / "access.log"
        config = folder / "nginx.conf"
        ocsp = f"location /ocsp {{ proxy_pass http://127.0.0.1:{responder_port}/; }}" if responder_port else ""
        # As it came: a decoded path would be another question.
        only = (f"server {{ listen 127.0.0.1:{getting}; merge_slashes off; location / {{ limit_except GET {{ deny all; }} "
                f"proxy_pass http://127.0.0.1:{responder_port}; }} }}") if responder_port else ""
        temps = "".join(f"{name}_temp_path {folder}/tmp-{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"""daemon off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
{temps}
log_format timed '$msec $request_method $uri $status';
access_log {self.access} timed;
server {{ listen 127.0.0.1:{self.port}; root {self.root}; {ocsp} }}
{only}
}}
""")
        super().__init__(["nginx", "-c", config, "-e", folder / "error.log"], folder / "nginx.log")

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def start(self):
        self.launch(lambda: accepts(self.port), "nginx")
        return self

    def logged(self):
        return self.access.read_text() if self.access.exists() else ""

    def requests(self, pattern, least=1):
        """How many there were, once that many are told of: nginx logs a request behind its answer."""
        wait_for(f"{pattern} in nginx's log", lambda: len(re.findall(pattern, self.logged())) >= least)
        return len(re.findall(pattern, self.logged()))

    def served(self, path):
        """When (epoch) bodies of that path were sent whole; a 304 has none."""
        rows = [line.split() for line in self.logged().splitlines()]
        return [float(row[0]) for row in rows if row[2:] == [f"/{path}", "200"]]


class BadServer:
    """tests/lib/bad_server.py: slow, lying, endless, as the path says."""

    def __init__(self):
        script = pathlib.Path(__file__).resolve().parents[1] / "lib" / "bad_server.py"
        self.process = subprocess.Popen(["python3", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
