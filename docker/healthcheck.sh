#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Exit 0 when /readyz (or PATH) answers 200 on the admin port; nothing but bash is needed.
# usage: healthcheck.sh [PORT [PATH]]
exec 3<>"/dev/tcp/127.0.0.1/${1:-9643}" || exit 1
printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "${2:-/readyz}" >&3
read -r -t 2 _ status _ <&3
[ "$status" = 200 ]
