#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes an image with a given Envoy program, for compose.envoy.yaml on machines that can't pull the official one.
#
# usage: envoy-image.sh PROGRAM [IMAGE]      default: mtlsguard-envoy; then run with ENVOY_IMAGE=mtlsguard-envoy
# BASE_IMAGE is what it stands on: any Debian 12 (docker/base-image.sh makes one).
set -eu
program=${1:?usage: envoy-image.sh PROGRAM [IMAGE]}
image=${2:-mtlsguard-envoy}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
cp "$program" "$folder/envoy"
printf 'FROM %s\nCOPY envoy /usr/local/bin/envoy\nUSER 9642\n' "${BASE_IMAGE:-debian:12-slim}" >"$folder/Dockerfile"
docker build -q -t "$image" "$folder"
