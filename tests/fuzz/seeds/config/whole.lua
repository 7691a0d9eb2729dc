return {
  listen = { spop = { "127.0.0.1:0" }, admin = {}, control = { "unix:control.sock" } },
  state = "state",
  authorities = { partners = { certificates = "/etc/passwd", revocation = { deny = { "936EACBE07F201DF", "dec:10629346" } } } },
  hosts = { ["api.example.com"] = { authorities = { "partners" } }, ["*"] = { require = "none" } },
  workers = { { name = "api", script = "/etc/passwd", routes = { "api.example.com/*" }, vars = { A = 1, B = "x", C = true } } },
  headers = { managed_transform = true, owned = { "X_Client-" } },
}
