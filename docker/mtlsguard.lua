-- SPDX-License-Identifier: Apache-2.0
-- mtlsguard of compose.yaml and compose.envoy.yaml.
return {
  listen = {
    spop = { "unix:/run/mtlsguard/spop.sock" },
    grpc = { { "unix:/run/mtlsguard/grpc.sock", chain = "xfcc" } },
    admin = { "127.0.0.1:9643" },
  },

  authorities = {
    partners = {
      certificates = "pki/partners.pem",
      -- The certificate "denied" of the demonstration's PKI.
      revocation = { deny = { "51A4E000000009" } },
    },
    devices = { certificates = "pki/devices.pem" },
  },

  hosts = {
    ["api.example.com"] = { authorities = { "partners" } },
    ["*.iot.example.com"] = { authorities = { "devices" } },
    -- Asks, but demands nothing: the worker would decide.
    ["www.example.com"] = { authorities = { "partners" }, require = "none" },
    -- Decides and logs, but lets everything pass.
    ["new.example.com"] = { authorities = { "partners" }, enforce = "observe" },
  },

  workers = {
    { name = "api", script = "worker.lua", routes = { "api.example.com/*" }, vars = { TEAM = "edge" } },
  },

  headers = { managed_transform = true, client_cert = true, owned = { "x-client-" } },
  decisions = { log = "stdout", level = "all" },
}
