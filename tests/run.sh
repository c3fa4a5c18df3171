#!/bin/sh
# Runs every test: installs what they need, builds with sanitizers, hands its arguments to ctest.
#   sh tests/run.sh [ctest options]
set -eu
cd "$(dirname "$0")/.."

NEEDED="clang llvm libclang-rt-14-dev clang-format libcmocka-dev python3 python3-jsonschema
    prometheus systemd iproute2 util-linux procps git jose python3-websockets
    wrk nginx-light haproxy openssl valgrind"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

missing_of() {
    for package in "$@"; do
        case "$(dpkg-query -W -f='${Status} ' "$package" 2>/dev/null)" in
        *"install ok installed"*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
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
        -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 "$@" >&2 || status=$?
    [ "$made" = no ] || as_root rm -f "$policy"
    return "$status"
}

build() {
    preset=$1
    shift
    [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"
    nice cmake --build "build/$preset" -j "$(nproc)" "$@"
}

# The OAuth clients that flows/interop runs; it is skipped where they are not.
install_clients() {
    major=0
    if command -v node >/dev/null && command -v npm >/dev/null; then
        major=$(node -p 'process.versions.node.split(".")[0]')
    fi
    if [ "$major" -lt 20 ]; then
        echo "no node of version 20 or later, or no npm: flows/interop will be skipped"
        return 0
    fi
    # A registry of packages that is away says nothing about ours: the flow is skipped then too.
    npm ci --prefix tests/interop --loglevel=error --prefer-offline --ignore-scripts --no-audit \
        --no-fund >/dev/null || {
        echo "the OAuth clients could not be installed: flows/interop will be skipped" >&2
        rm -rf tests/interop/node_modules
    }
}

sh conf/quickstart.sh --install-only
# shellcheck disable=SC2086  # a list of words
missing=$(missing_of $NEEDED)
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    install_quietly $missing
fi
install_clients
build asan
build tsan --target rosterd
build release

# One run over both builds. Each test has a directory, a network and, if it needs one, a database of
# its own. A test is three PROCESSORS of ctest, or five where it counts seconds: of two cores' eight
# that are two tests, but never two that count seconds.
cores=$(nproc)
[ "$cores" -le 4 ] || cores=4
mkdir -p build/all
echo 'subdirs("../asan" "../tsan/tests/flows")' >build/all/CTestTestfile.cmake
exec ctest --test-dir build/all --output-on-failure -j "$((cores * 4))" "$@"
