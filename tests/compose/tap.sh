# shellcheck shell=bash
# failed is read by whoever sources this file.
# shellcheck disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# Sourced: results as TAP, and what the tests of compose files have in common.

count=0
failed=0
result() { # result STATUS TEXT
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failed=1
	fi
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

show() { # show FILE [LINES]: as comments
	tail -n "${2:-40}" "$1" | sed 's/^/# /'
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Both stacks are made of the same images, so that the second one need not be built.
export BUILD_NETWORK=host DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
export MTLSGUARD_IMAGE=mtlsguard-test-agent HAPROXY_IMAGE=mtlsguard-test-haproxy DEMO_IMAGE=mtlsguard-test-demo
