-- every kind of token
--[==[ long
]] ]==]
local t = { ['\x41\65\u{e9}\z
   b'] = [[
long]], [1] = 0x1p4, 'x'; k = "a\"b", f = (function(...) for i = 1, 2 do if i then return ... end end end)(1, 2) }
local u = { a = t, b = 1 // 2 == 3 ~= 4 <= 5, c = t.k .. 'y', ['d' .. 1] = { {}, {} } }
repeat local x = 1 until true
while false do end
return u
