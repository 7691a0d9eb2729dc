# SPDX-License-Identifier: Apache-2.0
"""Runs nginx and Caddy with the shipped files. Only what depends on the place is changed in them: addresses, paths, and the names of headers
that this test's worker sets, which are added as a user would."""
import pathlib

from process import ROOT, Process, accepts, free_port


def place(folder, name, pki, agent, origin, edits):
    """The shipped file's text for this test. agent, origin: ports. Returns (text, port of the front)."""
    port = free_port()
    text = (ROOT / "docker" / name).read_text()
    server = pki.path("server").parent
    root = f"/etc/{pathlib.Path(name).parts[0]}/pki"
    for old, new in ((root, str(server)), (":8443", f":{port}"), ("127.0.0.1:9642", f"127.0.0.1:{agent}"),
                     ("127.0.0.1:8080", f"127.0.0.1:{origin}"), *edits):
        if old not in text:
            raise AssertionError(f"{name} has no {old}")
        text = text.replace(old, new)
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    return text, port


def nginx_names(names):
    """The edit that makes these known."""
    anchor, rows = "    proxy_set_header X-Mtls-Id \"\";\n", ""
    for name in names:
        word = name.replace("-", "_")
        rows += f"    auth_request_set $mtls_{word} $upstream_http_{word}; proxy_set_header {name} $mtls_{word};\n"
    return anchor, rows + anchor


def caddy_names(names):
    """The edits that make these known, and take them from clients."""
    anchor, delete = "\t\t\t\t@client_cert ", "\t\trequest_header -Cf-Cert*\n"
    rows, gone = "", ""
    for name in names:
        word, value = name.replace("-", "_"), f"{{http.reverse_proxy.header.{name.title()}}}"
        rows += f"\t\t\t\t@{word} not vars {value} \"\" \"<nil>\"\n\t\t\t\trequest_header @{word} {name.title()} {value}\n"
        gone += f"\t\trequest_header -{name}\n\t\trequest_header -{word}\n"
    return (anchor, rows + anchor), (delete, delete + gone)


class Nginx(Process):
    """The shipped conf.d file inside the least nginx.conf. names: headers that a worker sets."""

    def __init__(self, folder, pki, agent, origin, names=()):
        folder = pathlib.Path(folder)
        text, self.port = place(folder, "nginx/mtlsguard.conf", pki, agent, origin, [nginx_names(names)])
        (folder / "mtlsguard.conf").write_text(text)
        temps = "".join(f"    {name}_temp_path {folder}/tmp-{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
{temps}    include {folder}/mtlsguard.conf;
}}
""")
        super().__init__(["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"], folder / "nginx.log")

    def start(self):
        self.launch(lambda: accepts(self.port), "nginx")
        return self


class Caddy(Process):
    """names: headers that a worker sets."""

    def __init__(self, folder, pki, agent, origin, names=()):
        folder = pathlib.Path(folder)
        text, self.port = place(folder, "caddy/Caddyfile", pki, agent, origin, caddy_names(names))
        (folder / "Caddyfile").write_text(text)
        env = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        super().__init__(["caddy", "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"], folder / "caddy.log", env)

    def start(self):
        self.launch(lambda: accepts(self.port), "Caddy")
        return self
