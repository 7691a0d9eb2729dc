#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Static checks beyond the compiler's own: clang's analyzer over every source, each header alone, shellcheck.
# The compiler's flags stand in CFLAGS; those that gcc alone knows are left out.
set -eu
cd "$(dirname "$0")/../.."
flags=$(echo "$CFLAGS" | sed 's/-MMD -MP//')
status=0
if command -v clang >/dev/null 2>&1; then
	for file in agent/*.c agent/*/*.c; do
		quiet=
		# The list macros free what they walk over in a way that the analyzer takes for a use after free.
		if grep -qE '(HASH|DL|LL)_(ADD|DEL|APPEND|DELETE|FIND)' "$file"; then
			quiet='-Xclang -analyzer-disable-checker=unix.Malloc,core.NullDereference'
		fi
		# shellcheck disable=SC2086
		clang $flags --analyze -Xclang -analyzer-werror -Xclang -analyzer-output=text $quiet \
			"$file" -o /dev/null || status=1
	done
else
	echo "lint: clang is not installed, its analyzer was left out" >&2
fi
for header in agent/*.h agent/*/*.h; do
	# shellcheck disable=SC2086
	${CC:-gcc} $flags -x c -fsyntax-only "$header" || status=1
done
if command -v shellcheck >/dev/null 2>&1; then
	git ls-files '*.sh' | xargs -r shellcheck || status=1
fi
exit $status
