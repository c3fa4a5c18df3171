#!/bin/sh
# Measures the daemon beside its peers: installs what is needed, builds, runs the lanes.
#   sh tests/bench/run.sh [--quick] [lane …]         (--help shows lanes and options)
# ROSTERD=FILE measures another binary. Everything runs on loopback in a directory of its own.
set -eu
cd "$(dirname "$0")/../.."

say() {
    echo "bench: $*" >&2
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        say "cannot install packages: not root, and sudo is not installed"
        say "as root: apt-get install --no-install-recommends $missing"
        exit 1
    fi
}

# Tools are wanted, not their services: nothing is started while they are installed.
install_quietly() {
    policy=/usr/sbin/policy-rc.d
    made=no
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        made=yes
    fi
    status=0
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || status=$?
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$@" >&2 || status=$?
    [ "$made" = no ] || as_root rm -f "$policy"
    return "$status"
}

case " $* " in
*" --help "* | *" -h "*)
    exec python3 tests/bench/bench.py --help
    ;;
esac

PATH=$PATH:/usr/sbin:/sbin
missing=
pairs="wrk:wrk nginx:nginx-light haproxy:haproxy openssl:openssl python3:python3 valgrind:valgrind"
case " $* " in
*" --etcd "*) pairs="$pairs etcd:etcd-server" ;;
esac
for pair in $pairs; do
    command -v "${pair%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
    say "installing:$missing"
    # shellcheck disable=SC2086  # a list of words
    install_quietly $missing
fi

if [ -n "${ROSTERD-}" ]; then
    ROSTERD=$(realpath "$ROSTERD")
    sh conf/quickstart.sh --install-only
else
    sh conf/quickstart.sh --build-only
    ROSTERD=$PWD/build/release/rosterd
fi
export PATH ROSTERD

ulimit -n "$(ulimit -Hn)"
exec python3 tests/bench/bench.py "$@"
