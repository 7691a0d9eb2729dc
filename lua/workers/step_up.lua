-- SPDX-License-Identifier: Apache-2.0
-- Any verified certificate may read; /admin/ needs one that was issued for a short time (an hour, say), as a
-- person gets it after a second factor. Sends a browser that has only a long one to where it gets the other.
--   workers = { { name = "step-up", script = "step_up.lua", routes = { "app.example.com/*" },
--                 vars = { LOGIN = "https://login.example.com/step-up", SHORT = 3600 } } }
local M = {}

function M.fetch(request, env, ctx)
  local path = URL.new(request.url).pathname
  if path:sub(1, 7) ~= "/admin/" then
    return fetch(request)
  end
  local tls = request.tls
  local verified = request.cf.tlsClientAuth.certVerified == "SUCCESS"
  if not verified or tls.not_after - tls.not_before > env.SHORT then
    return Response.redirect(env.LOGIN, 302)
  end
  return fetch(request)
end

return M
