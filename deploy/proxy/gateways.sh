#!/bin/sh
# Sends requests to the given gateways alone from now on: sh gateways.sh HOST:PORT ... Returns once no new request
# reaches any other, so that one that is left out may be stopped; requests and streams that it has go on.
set -eu
[ "$#" -gt 0 ] || { echo "Name the gateways that stay: gateways.sh HOST:PORT ..." >&2; exit 2; }
for each; do
    case $each in '' | *[!A-Za-z0-9.:-]*) echo "gateways.sh: HOST:PORT, not $each" >&2; exit 2 ;; esac
done
work=${PROXY_WORK:-/tmp/nginx} nginx=${PROXY_NGINX:-nginx}
exec 9> "$work/gateways.lock"
flock 9 # a second call waits: the list that was given last holds

{
    echo 'upstream gateways {'
    echo '    zone gateways 64k;'
    printf '    server %s;\n' "$@"
    echo '}'
} > "$work/gateways.new"
mv "$work/gateways.new" "$work/gateways.conf"
[ -s "$work/nginx.pid" ] || exit 0 # not started yet

workers() { # those that take new connections
    for status in /proc/[0-9]*/status; do
        grep -qs "^PPid:[[:space:]]*$main\$" "$status" || continue
        folder=${status%/status}
        tr '\0' ' ' < "$folder/cmdline" 2> /dev/null | grep -q 'shutting down' || echo "${folder#/proc/}"
    done
}
main=$(cat "$work/nginx.pid")
before=$(workers)
"$nginx" -e stderr -c "$work/nginx.conf" -s reload
for old in $before; do
    while workers | grep -qx "$old"; do sleep 0.05; done
done
