-- SPDX-License-Identifier: Apache-2.0
---@meta
-- What a worker sees, for the Lua language server. Nothing here runs.

---The properties of Cloudflare's `request.cf.tlsClientAuth`, with its names and formats. Reading another name
---ends the call with `policy_error`.
---@class TlsClientAuth
---@field certPresented "0"|"1"
---@field certVerified string `"SUCCESS"`, `"NONE"`, `"FAILED"` or `"FAILED:reason"`
---@field certRevoked "0"|"1"
---@field certIssuerDN string
---@field certSubjectDN string
---@field certIssuerDNRFC2253 string
---@field certSubjectDNRFC2253 string
---@field certIssuerDNLegacy string
---@field certSubjectDNLegacy string
---@field certSerial string upper-case hex without sign octet
---@field certIssuerSerial string
---@field certSKI string upper-case hex
---@field certIssuerSKI string
---@field certFingerprintSHA1 string lower-case hex
---@field certFingerprintSHA256 string lower-case hex
---@field certNotBefore string `"Mar 21 13:35:00 2022 GMT"`
---@field certNotAfter string
---@field certRFC9440 string `":base64:"`, empty when over 10 KiB
---@field certRFC9440TooLarge boolean
---@field certChainRFC9440 string
---@field certChainRFC9440TooLarge boolean

---@class Cf
---@field tlsClientAuth TlsClientAuth
---@field tlsVersion string
---@field tlsCipher string
---@field httpProtocol string

---@class San
---@field dns string[]
---@field uri string[]
---@field email string[]
---@field ip string[]
---@field dir string[]
---@field other string[]

---@class RevocationFacts
---@field status "good"|"revoked"|"stale"|"unknown"|"unchecked"
---@field source "deny"|"crl"|"ocsp"|nil
---@field reason string|nil why a list or a responder revokes it, "keyCompromise" for example
---@field age integer|nil seconds since this_update
---@field this_update integer|nil epoch seconds
---@field next_update integer|nil

---What Cloudflare lacks. What there is not is nil: nearly all of it without a certificate.
---@class Tls
---@field san San
---@field spiffe_id string|nil
---@field eku string[]
---@field spki_sha256 string|nil
---@field key_type string|nil
---@field key_bits integer|nil
---@field not_before integer|nil epoch seconds
---@field not_after integer|nil
---@field verify_error integer OpenSSL's X509_V_ERR number, 0 when the certificate verified
---@field reason string
---@field authority string|nil name of the authority that it chains to
---@field revocation RevocationFacts

---pairs goes through them as Fetch does: sorted by name, values of a name joined by ", ", each Set-Cookie by itself.
---@class Headers
Headers = {}
---@return Headers
function Headers.new() end
---@param name string
---@return string|nil
function Headers:get(name) end
---@param name string
---@param value string
function Headers:set(name, value) end
---@param name string
---@param value string
function Headers:append(name, value) end
---@param name string
function Headers:delete(name) end
---@param name string
---@return boolean
function Headers:has(name) end

---@class Request
---@field method string
---@field url string
---@field headers Headers
---@field cf Cf
---@field tls Tls
---@field args table<string, any> every argument that the proxy sent, by name; reading one that it did not send denies `bad_request`
Request = {}
---A copy whose headers can be changed on the way to the origin.
---@param request Request
---@return Request
function Request.new(request) end

---@class ResponseInit
---@field status? integer 200 to 599
---@field headers? table<string, string>|Headers

---@class Response
---@field status integer
---@field ok boolean
---@field body string|nil
---@field headers Headers
Response = {}
---@param body? string
---@param init? ResponseInit
---@return Response
function Response.new(body, init) end
---@param url string|URL
---@param status? integer
---@return Response
function Response.redirect(url, status) end
---@param value any as json.encode takes it
---@param init? ResponseInit
---@return Response
function Response.json(value, init) end

---Goes on to the origin. The response stands for the origin's: its headers can be set and deleted, its status
---and body are not known yet.
---@param request Request
---@return Response
function fetch(request) end

---@class SearchParams
local SearchParams = {}
---@param name string
---@return string|nil
function SearchParams:get(name) end
---@param name string
---@return string[]
function SearchParams:getAll(name) end
---@param name string
---@return boolean
function SearchParams:has(name) end

---Its parts cannot be assigned.
---@class URL
---@field href string
---@field origin string
---@field protocol string
---@field username string
---@field password string
---@field host string
---@field hostname string
---@field port string
---@field pathname string
---@field search string with its "?"
---@field hash string with its "#"
---@field searchParams SearchParams
URL = {}
---An absolute URL; another text is an error.
---@param text string
---@return URL
function URL.new(text) end
---Its href, as tostring(url) and json.encode(url) give it.
---@return string
function URL:toString() end

---@class Context
local Context = {}
---Only where the configuration says allow_pass_through: an error of the script then goes on to the origin.
function Context:passThroughOnException() end

console = {}
function console.log(...) end
function console.info(...) end
function console.warn(...) end
function console.error(...) end
function console.debug(...) end

crypto = {}
---@param algorithm "SHA-1"|"SHA-256"|"SHA-384"|"SHA-512"|"MD5"
---@param data string
---@return string octets
function crypto.digest(algorithm, data) end
---@param a string
---@param b string
---@return boolean
function crypto.timingSafeEqual(a, b) end

---base64, hex, json and msgpack raise an error for what they cannot read.
base64 = {}
---@param data string
---@return string
function base64.encode(data) end
---@param text string
---@return string
function base64.decode(text) end

hex = {}
---@param data string
---@return string
function hex.encode(data) end
---@param text string
---@return string
function hex.decode(text) end

json = {}
---JSON's null, which a table can hold.
json.null = nil
---Marks a table as a list: an empty one is an object otherwise.
---@param t table
---@return table
function json.array(t) end
---Also of request.cf, request.tls, request.args and Headers, which pairs goes through.
---@param value any
---@return string
function json.encode(value) end
---@param text string
---@return any
function json.decode(text) end

msgpack = {}
---@param value any
---@return string
function msgpack.encode(value) end
---@param data string
---@return any
function msgpack.decode(data) end
