#!/bin/sh
# Installs what Causeway needs and builds it. Repeatable: what is there already is left alone.
#
#   setup.sh run|demo|test|bench     what it is for decides which packages are needed
#
# Needs: Debian 12 or 13, or Ubuntu 24.04; root; Node.js 20.12 or newer with npm.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}

fail() { echo "setup: $1" >&2; exit 1; }
say() { echo "setup: $1"; }

[ "$(id -u)" = 0 ] || fail "root is needed (network namespaces, mounts, nftables, apt). Try: sudo npm $( [ "$purpose" = run ] && echo start || { [ "$purpose" = test ] && echo test || echo "run $purpose"; } )"
command -v node >/dev/null || fail "Node.js is not installed: version 20.12 or newer is needed (https://nodejs.org)"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 12) ? 0 : 1)' ||
  fail "Node.js $(node -v) is too old: version 20.12 or newer is needed"
# npm test begins with npm run check, whose programs need more than the engine does.
[ "$purpose" != test ] || node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)' ||
  fail "Node.js $(node -v) is too old for the checks of npm test: 20.19, 22.12 or newer is needed (the tests alone run with this one: node scripts/run-tests.mjs)"

# The engine itself; then what makes the demo's images; then the oracles and clients of the tests; then the competition.
packages="crun conmon netbase nftables libnftables1 iproute2 util-linux tar zstd tini procps"
case $purpose in
  run) ;;
  demo) packages="$packages mmdebstrap curl iputils-ping" ;;
  test) packages="$packages runc mmdebstrap busybox-static curl iputils-ping skopeo docker-registry docker-compose apache2-utils conntrack dnsperf jq python3-minimal python3-docker ansible-core e2fsprogs
    iptables ipset ufw firewalld dbus podman netavark buildah zsh fish" ;;
  bench) packages="$packages runc mmdebstrap busybox-static curl iputils-ping docker.io iptables podman buildah netavark aardvark-dns dnsperf iperf3 wrk nginx-light jq python3-minimal" ;;
  *) fail "unknown purpose '$purpose' (run, demo, test or bench)" ;;
esac

# The tests and the benchmark drive the engine with Docker's own client; Debian has it in one package with the daemon. Docker's own packages would have to go for it.
if [ "$purpose" = test ] && ! command -v dockerd >/dev/null; then packages="$packages docker.io"; fi

missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null || fail "these packages are missing and there is no apt-get to install them:$missing"
  say "installing$missing"
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  # Docker, podman and the firewalls only run in namespaces of the tests: nothing of them is to start by itself.
  policy=/usr/sbin/policy-rc.d; made_policy=
  if [ "$purpose" = bench ] || [ "$purpose" = test ]; then
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod +x "$policy"; made_policy=1; }
  fi
  ok=1
  patience="-o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 -o Acquire::Retries=1" # a mirror that is not there is found out in a minute
  # shellcheck disable=SC2086
  { apt-get $patience update -qq && apt-get $patience install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 || ok=
  [ -z "$made_policy" ] || rm -f "$policy"
  # Nor at the next boot: a firewall of Debian's defaults is not what somebody asked for who runs tests.
  case " $missing " in *" firewalld "*) systemctl disable -q firewalld 2>/dev/null || :;; esac
  [ -n "$ok" ] || { tail -n 20 "$log" >&2; rm -f "$log"; fail "apt-get could not install:$missing. Is the mirror of Debian or Ubuntu reachable (/etc/apt/sources.list*, proxies: http_proxy, https_proxy)? Install them by hand or mend that, then run this again"; }
  rm -f "$log"
fi

# Without --ignore-scripts nothing would differ: no dependency needs its install script.
if [ ! -e node_modules/.package-lock.json ] || ! cmp -s package-lock.json node_modules/.causeway-lock 2>/dev/null; then
  registry=$(npm config get registry)
  say "installing npm packages from $registry"
  # By default npm tries for minutes without a word where nobody answers.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-timeout=60000 ||
    fail "npm could not install what package-lock.json lists from $registry (above: what it says). Is it reachable from here (npm ping; proxies: http_proxy, https_proxy, npm config set proxy)? Another registry: npm config set registry URL. Then run this again"
  cp package-lock.json node_modules/.causeway-lock
fi

# Those that Debian has only newer, or in packages too large to install for them.
[ "$purpose" != test ] || sh scripts/test-clients.sh "${CAUSEWAY_TEST_CLIENTS:-.cache/clients}"

say "building"
node scripts/build.mjs
