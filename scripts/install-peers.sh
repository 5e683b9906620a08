#!/usr/bin/env bash
# Installs the real servers, clients and load tools that `npm run test:peers` and the benchmarks use, from Debian's
# packages. Does nothing when all of them are there; needs root only when one is missing.
set -euo pipefail

# command=package, or file=package
peers=(
  curl=curl
  openssl=openssl
  nginx=nginx
  /usr/lib/nginx/modules/ngx_stream_module.so=libnginx-mod-stream
  haproxy=haproxy
  caddy=caddy
  wrk=wrk
  h2load=nghttp2-client
  hey=hey
  slowhttptest=slowhttptest
  testssl=testssl.sh
  hexdump=bsdextrautils
  taskset=util-linux
  nft=nftables
  ip=iproute2
  socat=socat
  named=bind9
  named-checkzone=bind9-utils
  delv=bind9-dnsutils
  knotd=knot
  kdig=knot-dnsutils
  kzonesign=knot-dnssecutils
  unbound=unbound
  ldns-verify-zone=ldnsutils
  dnsperf=dnsperf
)

# Servers live where an ordinary user's PATH may not look.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=()
for peer in "${peers[@]}"; do
  [ -e "${peer%%=*}" ] || command -v "${peer%%=*}" >/dev/null || missing+=("${peer#*=}")
done
if [ "${#missing[@]}" -eq 0 ]; then
  echo 'install-peers: all peers are installed'
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "install-peers: there is no apt-get; install these by hand: ${missing[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "install-peers: run it as root (sudo scripts/install-peers.sh) to install: ${missing[*]}" >&2
  exit 1
fi

# The packages of servers start them, on ports 53 and 80. Ours are started by the tests, on ports of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi

echo "install-peers: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log="$(mktemp)"
install() {
  apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "${missing[@]}"
}
if ! { apt-get -qq update && install; } >"$log" 2>&1; then
  cat "$log" >&2
  rm -f "$log"
  echo 'install-peers: apt-get failed, see above' >&2
  exit 1
fi
rm -f "$log"
echo 'install-peers: done'
