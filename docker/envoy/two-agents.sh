#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Envoy of compose.envoy.yaml: grpc.yaml with two agents on unix sockets, the origin by its name, and a door to the outside.
set -eu
socket() { echo "{ endpoint: { address: { pipe: { path: $1 } } } }"; }
agent='{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 9641 } } } }'
sed -e 's|address: 127.0.0.1, port_value: 8443|address: 0.0.0.0, port_value: 8443|' \
	-e "s|$agent|$(socket /run/mtlsguard/grpc.sock), $(socket /run/mtlsguard-b/grpc.sock)|" \
	-e '/^  - name: app$/,$ { s|type: STATIC|type: STRICT_DNS|; s|address: 127.0.0.1, port_value: 8080|address: origin, port_value: 8080|; }' \
	/etc/envoy/grpc.yaml >/tmp/envoy.yaml
exec envoy -c /tmp/envoy.yaml --disable-hot-restart --concurrency 2 -l warning
