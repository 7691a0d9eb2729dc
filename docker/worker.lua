-- SPDX-License-Identifier: Apache-2.0
-- Who may do what at api.example.com, and what the origin learns of them.
local M = {}

function M.fetch(request, env, ctx)
  local tls = request.cf.tlsClientAuth
  local path = URL.new(request.url).pathname
  if path == "/old" then
    return Response.redirect("https://api.example.com/new", 308)
  end
  if path == "/admin" and not tls.certSubjectDN:find("OU=admin", 1, true) then
    return Response.new("only for OU=admin\n", { status = 403, headers = { ["x-worker"] = "api" } })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-client-name", tls.certSubjectDN)
  to_origin.headers:set("x-client-team", env.TEAM)
  local response = fetch(to_origin)
  response.headers:set("x-checked-by", "mtlsguard")
  return response
end

return M
