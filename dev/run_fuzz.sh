#!/bin/bash
# Runs each libFuzzer program of build/fuzz/fuzz for some seconds, from its committed corpus. What it
# finds new is kept in build/fuzz/found, a crashing input in build/fuzz/crashes.
#
#   dev/run_fuzz.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?how many seconds for each target}
passed=0
failed=0
for program in build/fuzz/fuzz/*_fuzz; do
  [[ -x $program ]] || { echo "no fuzz targets in build/fuzz/fuzz" >&2; exit 1; }
  name=$(basename "$program" _fuzz)
  mkdir -p "build/fuzz/found/$name" "build/fuzz/crashes/$name"
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
    -artifact_prefix="build/fuzz/crashes/$name/")
  [[ -f tests/fuzz/$name.dict ]] && options+=(-dict="tests/fuzz/$name.dict")
  log=build/fuzz/$name.log
  if "$program" "${options[@]}" "build/fuzz/found/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "fuzz  $name  passed, $runs inputs in $seconds s"
    passed=$((passed + 1))
  else
    cat "$log"
    echo "fuzz  $name  FAILED: the input is in build/fuzz/crashes/$name"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed, 0 skipped"
[[ $failed -eq 0 ]]
