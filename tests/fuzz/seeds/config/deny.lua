return { authorities = { ca = { certificates = "/etc/passwd", revocation = { deny = { "00:93:6E", "123", "dec:99999999999999999999999", "ski:01", "spki:zz", "sha256:" .. ("ab"):rep(32) } } } } }
