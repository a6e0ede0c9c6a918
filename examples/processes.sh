#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs processes by curl alone: at once, as a job that is waited for, and as a job that is cancelled.
#   examples/processes.sh [server]        (default: http://localhost:5000)
set -eu
server=${1:-http://localhost:5000}
field() { tr -d '\n' | sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p"; }
ask() { curl -sS --fail-with-body -H 'Content-Type: application/json' "$@"; }

echo "# at once"
ask "$server/processes/echo/execution" -d '{"inputs": {"text": "안녕, curl"}, "outputs": {"text": {}}, "response": "document"}'

echo; echo "# as a job"
job=$(ask -H 'Prefer: respond-async' "$server/processes/echo/execution" \
  -d '{"inputs": {"text": "later", "pause": 1}, "outputs": {"text": {}}, "response": "document"}' | field jobID)
status=accepted
while [ "$status" = accepted ] || [ "$status" = running ]; do
  sleep 0.3
  status=$(ask "$server/jobs/$job" | field status)
done
echo "$status"
ask "$server/jobs/$job/results"

echo; echo "# cancelled"
job=$(ask -H 'Prefer: respond-async' "$server/processes/echo/execution" -d '{"inputs": {"text": "never", "pause": 60}}' | field jobID)
ask -X DELETE "$server/jobs/$job" | field status
