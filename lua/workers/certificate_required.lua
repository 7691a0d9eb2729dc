-- SPDX-License-Identifier: Apache-2.0
-- Refuses every request without a verified and unrevoked client certificate. For a host with
-- require = "none", where the worker decides:
--   hosts = { ["www.example.com"] = { authorities = { "partners" }, require = "none" } }
--   workers = { { name = "required", script = "certificate_required.lua", routes = { "www.example.com/api/*" } } }
local M = {}

function M.fetch(request, env, ctx)
  local tls = request.cf.tlsClientAuth
  -- Strings, never truth: "0" is true in Lua.
  if tls.certPresented ~= "1" or tls.certVerified ~= "SUCCESS" or tls.certRevoked == "1" then
    return Response.new("client certificate required\n", { status = 403 })
  end
  return fetch(request)
end

return M
