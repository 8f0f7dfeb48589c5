#!/bin/sh
# Installs what is missing of the Debian packages that the named groups need, and says nothing where nothing is missing.
#   scripts/install.sh build|test|lint|fuzz|spin ...
# As root directly; with sudo where it can be used; otherwise prints the line to run and fails.
set -eu

packages=""
for group in "${@:-build}"; do
    case $group in
    build) packages="$packages gcc libc6-dev make pkg-config openmpi-bin libopenmpi-dev libzmq3-dev libprotobuf-c-dev
        protobuf-c-compiler liblz4-dev libopenblas-dev libyaml-dev libxxhash-dev zlib1g-dev libzstd-dev liblzma-dev
        libmicrohttpd-dev" ;;
    test) packages="$packages libcmocka-dev procps xz-utils" ;;
    lint) packages="$packages clang-tidy" ;;
    fuzz) packages="$packages clang-16 libclang-rt-16-dev" ;;
    spin) packages="$packages spin gcc libc6-dev" ;;
    *)
        echo "install.sh: '$group' is none of build, test, lint, fuzz, spin" >&2
        exit 2
        ;;
    esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install.sh: not a Debian system; nothing is installed. Needed are: $(echo $packages)" >&2
    exit 0 # they may well be there under other names: the build will tell
fi

# One name a line, with the names that a package provides for others (pkgconf is pkg-config too).
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' | sed -n 's/^installed //p' |
    tr ',' '\n' | sed 's/^ *//; s/ .*//')
missing=""
for package in $packages; do
    echo "$installed" | grep -qxF "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=env
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
    as_root=sudo
else
    echo "install.sh: packages are missing and you are not root. Run this line, then try again:" >&2
    echo "    sudo apt-get update && sudo $install" >&2
    exit 1
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q >/dev/null || echo "install.sh: apt-get update failed; trying with the lists at hand" >&2
$as_root env DEBIAN_FRONTEND=noninteractive $install >/dev/null
