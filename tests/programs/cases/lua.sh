# needs: lua5.4
lua5.4 - <<'END'
t = {}
for i = 1, 200000 do t[i] = tostring(i * i % 7919) .. "x" end
table.sort(t)
print(t[1], t[#t], #table.concat(t))
n = 0
for w in io.open("text.txt"):read("a"):gmatch("%a+") do n = n + #w end
print(n)
collectgarbage()
co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(co(), co(), co())
END
