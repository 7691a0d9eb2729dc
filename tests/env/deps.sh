#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what building, demo and tests need from Debian's packages. Does nothing when all of it is there.
set -eu
packages='gcc make pkg-config libc6-dev libev-dev libmsgpack-dev liblua5.4-dev lua5.4 libssl-dev libcmocka-dev
libjansson-dev libmicrohttpd-dev libcurl4-openssl-dev libxxhash-dev libsystemd-dev libnghttp2-dev uthash-dev haproxy curl openssl
libprotobuf-c-dev protobuf-c-compiler nginx-light caddy faketime python3 debootstrap iproute2 procps util-linux ca-certificates git'
[ "$#" -eq 0 ] || packages="$packages $*"
missing=
for package in $packages; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "deps: these Debian packages are missing, install them as root:$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
# shellcheck disable=SC2086
apt-get -qy install --no-install-recommends $missing
