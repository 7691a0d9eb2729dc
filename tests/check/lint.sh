#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Static checks beyond the compiler's own: clang's analyzer over every source, each header alone, shellcheck.
# usage: lint.sh "CFLAGS"
set -eu
cd "$(dirname "$0")/../.."
flags=$1
status=0
if command -v clang >/dev/null 2>&1; then
	for file in agent/*.c agent/*/*.c; do
		[ -e "$file" ] || continue
		# shellcheck disable=SC2086
		clang $(echo "$flags" | sed 's/-MMD -MP//') --analyze -Xclang -analyzer-werror \
			-Xclang -analyzer-output=text "$file" -o /dev/null || status=1
	done
else
	echo "lint: clang is not installed, its analyzer was left out" >&2
fi
for header in agent/*/*.h; do
	[ -e "$header" ] || continue
	# shellcheck disable=SC2086
	${CC:-gcc} $(echo "$flags" | sed 's/-MMD -MP//') -x c -fsyntax-only "$header" || status=1
done
if command -v shellcheck >/dev/null 2>&1; then
	git ls-files '*.sh' | xargs -r shellcheck || status=1
fi
exit $status
