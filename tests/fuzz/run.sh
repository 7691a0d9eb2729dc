#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds every target with clang's libFuzzer and lets it run. usage: run.sh SECONDS; BUILD names the folder.
# New inputs go to $BUILD/corpus; a crash ends the run and leaves its input there.
set -eu
cd "$(dirname "$0")/../.."
seconds=$1
build=${BUILD:-build-fuzz}
command -v clang >/dev/null 2>&1 || sh tests/env/deps.sh clang libclang-rt-14-dev llvm
make -s BUILD="$build" CC=clang OPT=-O1 SANITIZER=fuzzer-no-link,address,undefined "$build/libmtlsguard.a"
libs="$(pkg-config --libs libssl libcrypto jansson libmicrohttpd libcurl libxxhash libsystemd libnghttp2 lua5.4) -lev -lmsgpackc -lcmocka"
for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	corpus=$build/corpus/${name#fuzz_}
	mkdir -p "$corpus"
	# shellcheck disable=SC2046,SC2086
	clang -std=c11 -D_GNU_SOURCE -g -O1 -Iagent -Itests -fsanitize=fuzzer,address,undefined \
		$(pkg-config --cflags lua5.4) "$source" $(ls tests/lib/*.c 2>/dev/null) \
		"$build/libmtlsguard.a" -pthread $libs -o "$build/$name"
	echo "== $name"
	"$build/$name" -max_total_time="$seconds" -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="$corpus/crash-" "$corpus" "tests/fuzz/seeds/${name#fuzz_}" 2>&1 | tail -n 8
done
