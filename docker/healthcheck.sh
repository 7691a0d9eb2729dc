#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Exit 0 when /readyz answers 200 on the admin port; nothing but bash is needed.
# usage: healthcheck.sh [PORT]
exec 3<>"/dev/tcp/127.0.0.1/${1:-9643}" || exit 1
printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
read -r -t 2 _ status _ <&3
[ "$status" = 200 ]
