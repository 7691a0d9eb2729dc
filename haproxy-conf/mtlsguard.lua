-- SPDX-License-Identifier: Apache-2.0
--
-- Does what mtlsguard decided. Load it with "lua-load-per-thread"; it needs nothing but HAProxy's own Lua (2.6 and newer).
--
--   http-request  lua.mtlsguard    answers whatever is not an allow; on an allow edits the request's headers
--   http-response lua.mtlsguard    edits the response's headers
--
-- The verdict stands in variables of the transaction (var-prefix "mtls"). A refusal of this file itself bears the reason
-- "policy_unavailable" and the status 503: the agent said nothing, or HAProxy had no room for what it said.

local PREFIX = "txn.mtls."

local function var(txn, name)
	return txn:get_var(PREFIX .. name)
end

-- HAProxy hands a bool over as 0 or 1, and 0 is true in Lua.
local function is_true(value)
	return value == true or value == 1
end

-- One varint-length-prefixed string of s at p, and where the next one starts; nil when the block ends too early.
local function read_text(s, p)
	local byte = s:byte(p)
	if not byte then return nil end
	local len, shift = byte, 4
	p = p + 1
	if byte >= 240 then
		repeat
			byte = s:byte(p)
			if not byte or shift > 32 then return nil end
			len = len + (byte << shift)
			shift = shift + 7
			p = p + 1
		until byte < 128
	end
	if p + len - 1 > #s then return nil end
	return s:sub(p, p + len - 1), p + len
end

-- The names of a block that an empty one closes.
local function read_names(block)
	local names, p, name = {}, 1, nil
	if not block then return names end
	while true do
		name, p = read_text(block, p)
		if not name then error("malformed name block") end
		if name == "" then return names end
		names[#names + 1] = name
	end
end

-- The { name, value } pairs of a block that two empty strings close.
local function read_headers(block)
	local headers, p, name, value = {}, 1, nil, nil
	if not block then return headers end
	while true do
		name, p = read_text(block, p)
		if not name then error("malformed header block") end
		value, p = read_text(block, p)
		if not value then error("malformed header block") end
		if name == "" then return headers end
		headers[#headers + 1] = { name, value }
	end
end

-- HAProxy drops an added header without a word when its buffer is full (tune.maxrewrite), so what was added is read back.
-- Headers of the same name that were there before stand in front of ours.
local function all_there(txn, headers)
	local present, wanted = txn.http:req_get_headers(), {}
	for _, header in ipairs(headers) do
		local name = header[1]:lower()
		wanted[name] = wanted[name] or {}
		table.insert(wanted[name], header[2])
	end
	for name, values in pairs(wanted) do
		local found = present[name]
		if not found then return false end
		local count = 0
		while found[count] do count = count + 1 end
		for i, value in ipairs(values) do
			if found[count - #values + i - 1] ~= value then return false end
		end
	end
	return true
end

local function edit_request(txn)
	local headers = read_headers(var(txn, "req_headers"))
	for _, name in ipairs(read_names(var(txn, "req_del"))) do
		txn.http:req_del_header(name)
	end
	-- RFC 9440: the certificate between colons. It may be too long for an answer of the agent, so HAProxy's own copy is taken.
	if is_true(var(txn, "client_cert")) then
		headers[#headers + 1] = { "client-cert", ":" .. txn.c:base64(txn.f:ssl_c_der()) .. ":" }
	end
	for _, header in ipairs(headers) do
		txn.http:req_add_header(header[1], header[2])
	end
	return all_there(txn, headers)
end

local function edit_response(txn)
	for _, name in ipairs(read_names(var(txn, "res_del"))) do
		txn.http:res_del_header(name)
	end
	for _, header in ipairs(read_headers(var(txn, "res_headers"))) do
		txn.http:res_add_header(header[1], header[2])
	end
end

-- The answer of a deny or a respond.
local function refusal(txn)
	local status = tonumber(var(txn, "status"))
	if not status or status < 200 or status > 599 then error("no status to answer with") end
	local reply = txn:reply({ status = status })
	local given = {}
	for _, header in ipairs(read_headers(var(txn, "res_headers"))) do
		given[header[1]:lower()] = true
		reply:add_header(header[1], header[2])
	end
	for name, variable in pairs({ ["content-type"] = "content_type", location = "location" }) do
		local value = var(txn, variable)
		if value and not given[name] then reply:add_header(name, value) end
	end
	if var(txn, "body") then
		reply:set_body(var(txn, "body"))
	end
	return reply
end

local function unavailable(txn)
	local reply = txn:reply({ status = 503 })
	reply:add_header("content-type", "application/problem+json")
	reply:add_header("cache-control", "no-store")
	reply:set_body('{"type":"about:blank","title":"Service Unavailable","status":503,"reason":"policy_unavailable"}\n')
	txn:set_var(PREFIX .. "reason", "policy_unavailable")
	return reply
end

-- What to answer with, or nil: go on to the origin.
local function decide(txn)
	local verdict = var(txn, "verdict")
	if var(txn, "error") ~= nil then return unavailable(txn) end
	if verdict == "deny" or verdict == "respond" then return refusal(txn) end
	if verdict ~= "allow" or not edit_request(txn) then return unavailable(txn) end
	return nil
end

core.register_action("mtlsguard", { "http-req" }, function(txn)
	-- An action that fails is skipped by HAProxy, and the request would go on: no fault may leave this function.
	local fine, reply = pcall(decide, txn)
	if not fine then
		core.Warning("mtlsguard: " .. tostring(reply))
		reply = unavailable(txn)
	end
	if reply then txn:done(reply) end
end)

core.register_action("mtlsguard", { "http-res" }, function(txn)
	if var(txn, "verdict") ~= "allow" then return end
	local fine, why = pcall(edit_response, txn)
	if not fine then core.Warning("mtlsguard: " .. tostring(why)) end
end)
