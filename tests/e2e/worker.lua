-- SPDX-License-Identifier: Apache-2.0
-- What the end-to-end tests let a worker do, by path.
local M = {}

local function answer(status, body, headers)
  return Response.new(body, { status = status, headers = headers })
end

local paths = {}

paths["/status"] = function(request)
  local status = tonumber(request.url:match("status=(%d+)"))
  local body = status ~= 204 and status ~= 304 and "said so\n" or nil
  return answer(status, body, { ["content-type"] = "text/plain", ["x-worker"] = "yes" })
end

paths["/redirect"] = function()
  return Response.redirect("https://login.example.com/?from=a%20b&to=c", 307)
end

paths["/cookies"] = function()
  local response = answer(401, "who?\n")
  response.headers:append("set-cookie", "a=1; Path=/")
  response.headers:append("set-cookie", "b=2; Path=/")
  return response
end

paths["/role"] = function(request, env)
  local tls = request.cf.tlsClientAuth
  if tls.certVerified ~= "SUCCESS" then return answer(403, tls.certVerified .. "\n") end
  local on = Request.new(request)
  on.headers:set("x-client-role", tls.certSubjectDNRFC2253:match("OU=([^,]+)"))
  on.headers:set("x-team", env.TEAM)
  on.headers:append("x-list", "worker")
  on.headers:delete("x-secret")
  local response = fetch(on)
  response.headers:set("x-checked-by", "mtlsguard")
  response.headers:delete("x-powered-by")
  return response
end

paths["/forge"] = function(request)
  local on = Request.new(request)
  on.headers:set("cf-cert-verified", "forged")
  on.headers:set("client-cert", "forged")
  return fetch(on)
end

paths["/pass"] = function(request)
  return fetch(request)
end

paths["/spin"] = function()
  while true do end
end

paths["/hungry"] = function()
  return answer(200, ("x"):rep(9000000))
end

paths["/fault"] = function()
  return nil + 1
end

paths["/nothing"] = function() end

paths["/inject"] = function()
  return answer(200, "x", { ["x-bad"] = "a\r\nx-injected: yes" })
end

paths["/agent"] = function(request)
  return answer(200, (request.headers:get("user-agent") or "none") .. "\n")
end

paths["/large"] = function(request)
  return answer(200, ("0123456789abcdef"):rep(tonumber(request.url:match("size=(%d+)")) // 16))
end

function M.fetch(request, env, ctx)
  local path = request.url:match("^https?://[^/]+(/[^?]*)")
  return paths[path](request, env, ctx)
end

return M
