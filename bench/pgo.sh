#!/usr/bin/env bash
# Makes cmd/vedette/default.pgo anew: the profile by which the Go compiler
# decides what to inline in vedette (about a twentieth of a scan's time). It is
# of three scans of generated logs. Nothing depends on it but speed: to make it
# anew is worth while after the hot path has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

go build -trimpath -pgo=off -o "$tmp/profile" ./bench/profile
go build -o "$tmp/gen" ./bench/gen
"$tmp/gen" -out "$tmp/large" -size 1073741824 >/dev/null
for i in 1 2 3; do
	PROFILE="$tmp/$i.prof" "$tmp/profile" scan "$tmp/large" --quiet >/dev/null
done
go tool pprof -proto "$tmp"/?.prof >"$tmp/merged" 2>/dev/null
mv "$tmp/merged" cmd/vedette/default.pgo
