-- SPDX-License-Identifier: Apache-2.0
-- Gives each client the role of its organizational unit and keeps readers from writing. The origin finds the
-- role in x-client-role:
--   headers = { owned = { "x-client-" } }
--   workers = { { name = "roles", script = "roles_by_ou.lua", routes = { "api.example.com/*" },
--                 vars = { ADMINS = "Platform", WRITERS = "Billing" } } }
local M = {}

local reading = { GET = true, HEAD = true, OPTIONS = true }

-- The value of the first OU of an RFC 2253 name, its escapes taken off. "\," does not end a value.
local function organizational_unit(dn)
  local at = 1
  while at <= #dn do
    local stop = at
    while stop <= #dn and not dn:sub(stop, stop):find("[,+]") do
      stop = stop + (dn:sub(stop, stop) == "\\" and 2 or 1)
    end
    local key, value = dn:sub(at, stop - 1):match("^(%w+)=(.*)$")
    if key == "OU" then
      return (value:gsub("\\(%x%x)", function(hex)
        return string.char(tonumber(hex, 16))
      end):gsub("\\(.)", "%1"))
    end
    at = stop + 1
  end
  return nil
end

function M.fetch(request, env, ctx)
  local tls = request.cf.tlsClientAuth
  -- Anybody can write any unit into a certificate of his own.
  local unit = tls.certVerified == "SUCCESS" and organizational_unit(tls.certSubjectDN) or nil
  local role = "reader"
  if unit == env.ADMINS then
    role = "admin"
  elseif unit == env.WRITERS then
    role = "writer"
  end
  if role == "reader" and not reading[request.method] then
    return Response.new(json.encode({ error = "read only", unit = unit or "" }) .. "\n",
      { status = 403, headers = { ["content-type"] = "application/json" } })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-client-role", role)
  local response = fetch(to_origin)
  response.headers:set("x-role", role)
  return response
end

return M
