# shellcheck shell=bash
# engine_why is read by whoever sources this file.
# shellcheck disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# Sourced: a container engine to test with. engine_start uses the one that runs, else starts Debian's with a data folder of its own in the
# cache, so that a second run builds from what the first has pulled and made; engine_stop ends only what engine_start has started.

engine_cache=${XDG_CACHE_HOME:-$HOME/.cache}/mtlsguard/docker
engine_run=
engine_pid=
engine_why=

engine_install() {
	local missing=
	command -v dockerd >/dev/null || missing="docker.io iptables"
	command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || missing="$missing docker-compose"
	command -v debootstrap >/dev/null || missing="$missing debootstrap"
	[ -z "$missing" ] && return 0
	# The engine is started below, with folders of its own; the package must not start one as well.
	# shellcheck disable=SC2086
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends $missing >/dev/null 2>&1 || {
		apt-get -q update >/dev/null 2>&1
		# shellcheck disable=SC2086
		RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends $missing >/dev/null 2>&1
	}
}

engine_start() {
	if command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; then
		return 0
	fi
	if [ "$(id -u)" -ne 0 ]; then
		engine_why="no container engine runs, and starting one needs root"
		return 1
	fi
	engine_install || { engine_why="Debian's docker.io could not be installed"; return 1; }
	mkdir -p "$engine_cache"
	engine_run=$(mktemp -d /run/mtlsguard-docker.XXXXXX)
	export DOCKER_HOST="unix://$engine_run/docker.sock"
	setsid dockerd --data-root "$engine_cache" --exec-root "$engine_run/exec" --pidfile "$engine_run/pid" \
		--host "$DOCKER_HOST" --storage-driver overlay2 >"$engine_run/log" 2>&1 </dev/null &
	engine_pid=$!
	for _ in $(seq 60); do
		timeout 5 docker info >/dev/null 2>&1 && return 0
		kill -0 "$engine_pid" 2>/dev/null || break
		sleep 0.5
	done
	engine_why="dockerd does not start: $(grep -E 'level=(error|fatal)|failed' "$engine_run/log" | tail -n 1 | cut -c1-200)"
	return 1
}

engine_stop() {
	[ -n "$engine_pid" ] || return 0
	kill "$engine_pid" 2>/dev/null
	for _ in $(seq 40); do
		kill -0 "$engine_pid" 2>/dev/null || break
		sleep 0.5
	done
	kill -KILL "$engine_pid" 2>/dev/null
	umount -l "$engine_run"/exec/netns/* 2>/dev/null
	rm -rf "$engine_run"
	engine_pid=
}

# Prints the command that reads compose files here.
engine_compose() {
	if docker compose version >/dev/null 2>&1; then
		echo "docker compose"
	elif command -v docker-compose >/dev/null; then
		echo docker-compose
	else
		return 1
	fi
}

# Prints a base image that is here, else is made of Debian's packages, else was pulled.
engine_base_image() {
	local made=mtlsguard-base:12 pulled=debian:12-slim
	if docker image inspect "$made" >/dev/null 2>&1; then
		echo "$made"
	elif docker image inspect "$pulled" >/dev/null 2>&1; then
		echo "$pulled"
	elif [ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null; then
		docker/base-image.sh "$made"
	else
		timeout 120 docker pull -q "$pulled" >/dev/null && echo "$pulled"
	fi
}
