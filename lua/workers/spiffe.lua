-- SPDX-License-Identifier: Apache-2.0
-- Workloads by their SPIFFE id (the one spiffe:// URI in the certificate) and the paths that each may ask for.
--   headers = { owned = { "x-spiffe-id" } }
local M = {}

local allowed = {
  ["spiffe://example.test/billing"] = { "/invoices/", "/customers/" },
  ["spiffe://example.test/reports"] = { "/invoices/" },
}

local function starts(text, prefix)
  return text:sub(1, #prefix) == prefix
end

function M.fetch(request, env, ctx)
  local id = request.tls.spiffe_id
  -- An id that nobody vouches for is none.
  if request.cf.tlsClientAuth.certVerified ~= "SUCCESS" or not id or id == "" then
    return Response.new("no SPIFFE id\n", { status = 403 })
  end
  local path = URL.new(request.url).pathname
  for _, prefix in ipairs(allowed[id] or {}) do
    if starts(path, prefix) then
      local to_origin = Request.new(request)
      to_origin.headers:set("x-spiffe-id", id)
      return fetch(to_origin)
    end
  end
  console.warn("not for " .. id .. ": " .. path)
  return Response.new("this workload may not ask for that\n", { status = 403 })
end

return M
