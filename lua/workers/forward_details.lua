-- SPDX-License-Identifier: Apache-2.0
-- Tells the origin about the certificate under the header names of Cloudflare's own sample. Clients must not
-- be able to send them themselves:
--   headers = { owned = { "x-cert-" } }
local M = {}

local headers = {
  ["X-CERT-ISSUER-DN"] = "certIssuerDNRFC2253",
  ["X-CERT-SUBJECT-DN"] = "certSubjectDNRFC2253",
  ["X-CERT-ISSUER-DN-L"] = "certIssuerDNLegacy",
  ["X-CERT-SUBJECT-DN-L"] = "certSubjectDNLegacy",
  ["X-CERT-SERIAL"] = "certSerial",
  ["X-CERT-FINGER"] = "certFingerprintSHA1",
  ["X-CERT-VERIFY"] = "certVerified",
  ["X-CERT-NOTBE"] = "certNotBefore",
  ["X-CERT-NOTAF"] = "certNotAfter",
}

function M.fetch(request, env, ctx)
  local tls = request.cf.tlsClientAuth
  local to_origin = Request.new(request)
  for header, property in pairs(headers) do
    if tls[property] ~= "" then
      to_origin.headers:set(header, tls[property])
    end
  end
  return fetch(to_origin)
end

return M
