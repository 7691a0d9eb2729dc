return { listen = { spop = { "[::1]:1", { "unix:@x", peers = { 1 } }, { "[2001:db8::1]:2", peers = { "10.0.0.0/8", "::/0" } } } },
  hosts = { ["A.example"] = { require = "none", enforce = "observe", paths = "raw" }, ["*.b"] = {}, ["*"] = {} },
  headers = { owned = { "x-", "Y_z" } }, decisions = { log = "stderr", level = "all" } }
