#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the base image of the Dockerfile out of Debian's packages, for machines that can't pull one: debootstrap, then docker import.
# The image gets the Debian sources and the mirror settings of this machine's apt, so keep it on this machine.
#
# usage: base-image.sh [IMAGE]      default: mtlsguard-base:12; then build with BASE_IMAGE=mtlsguard-base:12
set -eu
image=${1:-mtlsguard-base:12}
suite=bookworm
[ "$(id -u)" -eq 0 ] || { echo "base-image: debootstrap needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "base-image: install debootstrap" >&2; exit 1; }

root=$(mktemp -d)
trap 'rm -rf "$root" "$root.log"' EXIT INT TERM
# shellcheck disable=SC2016 # apt fills it in
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $suite" 2>/dev/null | head -n 1)
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 || {
	tail -n 5 "$root.log" >&2
	exit 1
}

if [ -s /etc/apt/sources.list.d/debian.sources ]; then
	cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
	rm -f "$root/etc/apt/sources.list"
elif [ -s /etc/apt/sources.list ]; then
	cp /etc/apt/sources.list "$root/etc/apt/"
fi
apt-config dump | grep -E '^Acquire::(Check-|Retries|https?|ftp|Proxy)' >"$root/etc/apt/apt.conf.d/90host" || true
echo 'Acquire::Languages "none";' >>"$root/etc/apt/apt.conf.d/90host"
# As in the images that one pulls: no services start while packages are installed, no documents, no fsync.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
printf 'force-unsafe-io\npath-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n' \
	>"$root/etc/dpkg/dpkg.cfg.d/image"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/man/* "$root"/usr/share/doc/* "$root"/usr/share/locale/*
tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$image" >/dev/null
echo "$image"
