-- SPDX-License-Identifier: Apache-2.0
-- Only listed devices, by the fingerprint of their certificate. A reload reads the list again.
--   headers = { owned = { "x-device-" } }
local devices = require "./lib/devices"

local M = {}

function M.fetch(request, env, ctx)
  local tls = request.cf.tlsClientAuth
  -- A fingerprint alone proves nothing about a certificate that did not verify.
  local name = tls.certVerified == "SUCCESS" and devices[tls.certFingerprintSHA256]
  if not name then
    return Response.new("unknown device\n", { status = 403 })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-device-name", name)
  return fetch(to_origin)
end

return M
