-- Asks for another path and cookie with every request, as a site's many visitors do.
local count = 0

function request()
  count = count + 1
  local path = "/?page=" .. count .. "&sort=name"
  return "GET " .. path .. " HTTP/1.1\r\nHost: bench.test\r\n" ..
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" ..
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" ..
    "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n" ..
    "Cookie: session=" .. count .. "; theme=dark\r\nReferer: https://bench.test/\r\n\r\n"
end
