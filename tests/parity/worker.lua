-- SPDX-License-Identifier: Apache-2.0
-- Does what the header x-do says, for the table of scenarios.
local allows, M = {}, {}

function allows.name(to, request) to.headers:set("x-client-name", tostring(request.cf.tlsClientAuth.certSubjectDN)) end
function allows.list(to)
  to.headers:append("x-client-list", "a")
  to.headers:append("x-client-list", "b")
end
function allows.delete(to) to.headers:delete("x-secret") end
function allows.replace(to) to.headers:set("x-secret", "2") end
function allows.append(to) to.headers:append("x-kept", "2") end
function allows.url(to, request) to.headers:set("x-client-url", request.url) end
function allows.method(to, request) to.headers:set("x-client-method", request.method) end
allows["nothing"] = function() end
function allows.long(to) to.headers:set("x-client-name", string.rep("x", 1000)) end
allows["name-bad"] = function(to) to.headers:set("x-client name", "1") end
allows["value-bad"] = function(to) to.headers:set("x-client-name", "a\r\nb: c") end
function allows.host(to) to.headers:set("host", "other.example.com") end
function allows.fault() error("on purpose") end
function allows.loop() while true do end end
function allows.memory()
  local all = {}
  while true do all[#all + 1] = string.rep("x", 100000) .. #all end
end
function allows.unknown(_, request) return request.cf.tlsClientAuth.certNothing.x end

function M.fetch(request)
  local word = request.headers:get("x-do") or "nothing"
  local status = math.tointeger(tonumber(word))
  if status == 301 or status == 302 then
    return Response.redirect("https://login.example.com/in?a=b", status)
  elseif status then
    return Response.new(status ~= 204 and "said " .. word .. "\n" or nil, { status = status, headers = { ["x-why"] = "asked", ["content-type"] = "text/plain" } })
  elseif word == "empty" then
    return Response.new("", { status = 403 })
  elseif word == "binary" then
    return Response.new("\0\1\2\255", { status = 403, headers = { ["content-type"] = "application/octet-stream" } })
  elseif word == "status" then
    return Response.new("", { status = 99 })
  elseif word == "nil" then
    return nil
  end
  local to_origin = Request.new(request)
  if allows[word] then allows[word](to_origin, request) end
  local response = fetch(to_origin)
  if word == "vary" then response.headers:set("x-checked-by", "mtlsguard") end
  return response
end

return M
