-- Asks for a random one of so many hosts with every request: argument 1, the number of hosts.
local hosts = 1

function init(args)
  hosts = tonumber(args[1])
  math.randomseed(42)
end

function request()
  local host = math.random(0, hosts - 1)
  return "GET / HTTP/1.1\r\nHost: host-" .. host .. ".bench.test\r\n\r\n"
end
