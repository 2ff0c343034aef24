-- SPDX-License-Identifier: MIT
-- workload.lua N - tables, strings, closures, a collection now and then
local n = tonumber(arg[1])
local words, count = {}, {}
for i = 1, n do
	local w = ("w" .. i * 7919 % 1009):rep(i % 6 + 1)
	words[#words + 1] = w
	count[w] = (count[w] or 0) + 1
end
table.sort(words)
print(#words, words[1], words[#words])
local text = table.concat(words, " ")
print(#text, #text:gsub("%d+", function(d) return d + 1 end))
local function tree(d) return d > 0 and { tree(d - 1), tree(d - 1) } or {} end
local function nodes(t) return 1 + (t[1] and nodes(t[1]) + nodes(t[2]) or 0) end
for _ = 1, 5 do
	print(nodes(tree(12)))
	collectgarbage()
end
local makers = {}
for i = 1, n do makers[i] = function() return i end end
local sum = 0
for i = 1, n do sum = sum + makers[i]() end
print(sum)
local parts = {}
for i = 1, 100 do
	parts[#parts + 1] = string.pack("I4s4", i, ("x"):rep(i * 100))
end
print(#table.concat(parts))
