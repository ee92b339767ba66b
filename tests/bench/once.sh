#!/usr/bin/env bash
# What `capture --once` costs beside `curl` of the same log to nowhere: interleaved pairs of both,
# each on a fresh store, and the medians. The daemon is the bottleneck of both, so only ratios of
# neighbouring runs mean anything; run it on a machine that does nothing else.
#
#   tests/bench/once.sh [LINES] [PAIRS]      defaults: 1000000 lines, 7 pairs
#
# Needs Docker, curl, jq and an image with a shell: IMAGE, or busybox made into one on the spot.
# The container's log is kept in one file (max-size 10g); it is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

lines=${1:-1000000} pairs=${2:-7}
socket=${SOCKET:-/var/run/docker.sock}
export DOCKER_HOST=unix://$socket
name=logcap-bench-once-$$ image=${IMAGE:-} made=
work=$(mktemp -d)

finish() {
    docker rm --force "$name" >/dev/null 2>&1 || true
    [ -z "$made" ] || docker image rm --force "$made" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

cargo build --release --locked --quiet
program=$(cargo metadata --format-version 1 --no-deps --locked | jq -r .target_directory)/release/logcap-tui

if [ -z "$image" ]; then
    mkdir -p "$work/root/bin"
    cp /usr/bin/busybox "$work/root/bin/"
    ln -s busybox "$work/root/bin/sh"
    ln -s busybox "$work/root/bin/awk"
    made=logcap-bench-once:$$ image=logcap-bench-once:$$
    tar -C "$work/root" -c . | docker import - "$made" >/dev/null
fi

printf 'writing %s lines\n' "$lines"
docker run --detach --name "$name" --network none --log-driver json-file \
    --log-opt max-size=10g --log-opt max-file=1 "$image" \
    awk -v n="$lines" 'BEGIN { for (i = 0; i < n; i++)
        printf "line %d of a log whose lines are as long as lines usually are, about ninety bytes\n", i }' \
    >/dev/null
[ "$(docker wait "$name")" = 0 ]
id=$(docker inspect --format '{{.Id}}' "$name")

# Runs a command and prints its seconds of wall, of CPU, and its peak of resident KiB.
measure() {
    local out=$1 pid peak=0 now
    shift
    TIMEFORMAT='%R %U %S'
    {
        time {
            "$@" >"$out" 2>"$work/stderr" &
            pid=$!
            while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
                peak=$now
                sleep 0.1
            done
            wait "$pid"
            echo "$peak" >"$work/peak"
        }
    } 2>"$work/time"
    awk -v peak="$(cat "$work/peak")" '{ printf "%.3f %.3f %d\n", $1, $2 + $3, peak }' "$work/time"
}

median() {
    sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# Once unmeasured, so that both find the log in the page cache.
curl -s --unix-socket "$socket" "http://d/containers/$id/logs?stdout=1&stderr=1&timestamps=1" >/dev/null
printf '%-5s %29s %21s %16s\n' pair 'capture wall cpu MiB' 'curl wall cpu' 'ratio wall cpu'
for pair in $(seq "$pairs"); do
    rm -rf "$work/data"
    read -r wall cpu peak < <(measure "$work/summary" "$program" --docker "$DOCKER_HOST" \
        --data-dir "$work/data" --include "$name" capture --once --json)
    stored=$(jq .lines "$work/summary") gaps=$(jq .gaps "$work/summary")
    if [ "$stored" != "$lines" ] || [ "$gaps" != 0 ]; then
        echo "stored $stored of $lines lines with $gaps gaps" >&2
        exit 1
    fi
    read -r plain_wall plain_cpu _ < <(measure /dev/null curl -s --unix-socket "$socket" \
        "http://d/containers/$id/logs?stdout=1&stderr=1&timestamps=1")
    awk -v p="$pair" -v w="$wall" -v c="$cpu" -v m="$peak" -v pw="$plain_wall" -v pc="$plain_cpu" 'BEGIN {
        printf "%-5d %13.2f %6.2f %8.1f %14.2f %6.2f %9.2f %6.2f\n", p, w, c, m / 1024, pw, pc, w / pw, c / pc }' |
        tee -a "$work/rows"
done
printf 'median of %s pairs: wall %sx, CPU %sx; largest memory %s MiB\n' "$pairs" \
    "$(awk '{ print $7 }' "$work/rows" | median)" "$(awk '{ print $8 }' "$work/rows" | median)" \
    "$(awk '{ if ($4 > m) m = $4 } END { print m }' "$work/rows")"
