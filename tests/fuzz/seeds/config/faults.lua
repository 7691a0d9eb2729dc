local shared = {
  certificates = "ca/none.pem",
  certificate = "x",
}
return {
  listen = { spop = { "localhost:1", { "127.0.0.1:1", mode = "0660", tls = { key = "k" } } }, control = { "127.0.0.1:3" } },
  thread = 3,
  rules = {},
  frame = 3,
  limits = { frame = "x", message = 1,
    connections = 1.5 },
  authorities = {
    a = shared,
    b = { certificates = "ca/partners.pem", revocation = { deny = {
      "zz", "1234", "dec:12x",
      "sha256:00" } } },
  },
  hosts = {
    ["A.example"] = { authorities = { "c", "b", "b" } },
    ["a.example"] = { authorities = {}, require = "verifed" },
    ["foo*.example"] = {},
    ["h:80"] = { authorities = 1 },
  },
  workers = { { name = "x y", script = "nope.lua", routes = { "https://a/*", "zzz.example/*", "a/b*c" } }, {} },
  headers = { owned = { "host", "a b" } },
  decisions = { log = "x" },
}
