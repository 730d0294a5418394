-- Tables, closures and strings; everything lua5.4 has goes through realloc and free.
local steps = tonumber(arg[1])
local seed = 12345
local function draw(limit)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed % limit
end

local function tree(depth)
  if depth == 0 then return {} end
  return { left = tree(depth - 1), right = tree(depth - 1) }
end

local function count(node)
  return node.left and 1 + count(node.left) + count(node.right) or 1
end

local live, total = {}, 0
for step = 1, steps do
  local key = draw(20000)
  local old = live[key]
  if old then total = total + #old.name + #old.list end
  local list = {}
  for i = 1, draw(12) do list[i] = { i, tostring(step * i) } end
  live[key] = { name = "object " .. step, list = list, call = function() return list end }
  if step % 20000 == 0 then total = total + count(tree(14)) end
end
local parts = {}
for key = 0, 19999 do
  if live[key] then parts[#parts + 1] = live[key].name end
end
print(total, #table.concat(parts, ","))
