#!/bin/sh
# From a fresh Debian 12 to a running registry: installs what is missing, builds, runs "rosterd dev".
#   sh conf/quickstart.sh [--build-only | --install-only] [rosterd dev options]
set -eu
cd "$(dirname "$0")/.."

NEEDED="gcc libc6-dev cmake ninja-build pkg-config ca-certificates curl
    libmicrohttpd-dev libjansson-dev libpq-dev libssl-dev uuid-dev libcurl4-openssl-dev libjose-dev
    libwslay-dev"

say() {
    echo "quickstart: $*" >&2
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        say "cannot install packages: not root, and sudo is not installed"
        echo "hint: as root, run: apt-get install --no-install-recommends $MISSING" >&2
        exit 1
    fi
}

# Those of the given packages that are not installed.
missing_of() {
    for package in "$@"; do
        case "$(dpkg-query -W -f='${Status} ' "$package" 2>/dev/null)" in
        *"install ok installed"*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

install_packages() {
    say "installing: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 "$@" >&2
}

has_postgres() {
    for server in /usr/lib/postgresql/*/bin/postgres; do
        version=${server#/usr/lib/postgresql/}
        version=${version%%/*}
        case "$version" in
        *[!0-9]*) ;;
        *) [ "$version" -ge 15 ] && return 0 ;;
        esac
    done
    return 1
}

# Debian's package would also make and start a cluster of its own, which nobody asked for here.
install_postgres() {
    no_cluster=/etc/postgresql-common/createcluster.d/rosterd-quickstart.conf
    install_packages postgresql-common
    as_root mkdir -p "${no_cluster%/*}"
    echo "create_main_cluster = false" | as_root tee "$no_cluster" >/dev/null
    status=0
    install_packages postgresql || status=$?
    as_root rm -f "$no_cluster"
    return "$status"
}

mode=run
case "${1-}" in
--build-only) mode=build; shift ;;
--install-only) mode=install; shift ;;
esac

# shellcheck disable=SC2086  # lists of words
MISSING=$(missing_of $NEEDED)
if [ -n "$MISSING" ]; then
    # shellcheck disable=SC2086
    install_packages $MISSING
fi
if ! has_postgres; then
    MISSING=postgresql
    install_postgres
fi
[ "$mode" = install ] && exit 0

if [ ! -f build/release/build.ninja ]; then
    cmake --preset release >&2
fi
nice cmake --build build/release -j "$(nproc)" >&2
[ "$mode" = build ] && exit 0

exec build/release/rosterd dev "$@"
