#!/bin/sh
# Starts nginx with nginx.conf beside this, for the names and addresses of the environment.
set -eu
for file in tls.crt tls.key; do
    if [ ! -r "${PROXY_CERTIFICATES:=/etc/sharpstream-certificates}/$file" ]; then
        echo "PROXY_CERTIFICATES: put tls.crt (certificate and chain) and tls.key, readable for user $(id -u), into it; $file is missing." >&2
        exit 2
    fi
done
: "${PROXY_NAME:?Set PROXY_NAME to the host name that clients use.}"
for value in "$PROXY_NAME" "${PROXY_STORE_NAME:=}" "${PROXY_STORE:=s3:8333}" "${PROXY_RESOLVER:=}"; do
    case $value in *[!A-Za-z0-9.:-]*) echo "PROXY_...: names, addresses and ports only, not $value" >&2; exit 2 ;; esac
done
for value in "${PROXY_CONNECTIONS:=512}" "${PROXY_HEAD_SECONDS:=10}" "${PROXY_TLS_PORT:=8443}" "${PROXY_PLAIN_PORT:=8080}"; do
    case $value in *[!0-9]*) echo "PROXY_...: $value is no number" >&2; exit 2 ;; esac
done
export PROXY_WORK="${PROXY_WORK:-/tmp/nginx}"
work=$PROXY_WORK
mkdir -p "$work"
rm -f "$work/nginx.pid" # of a process that was killed
# A name is looked up again every 10 s; several addresses are a group, which gateways.sh changes.
: > "$work/gateways.conf"
# shellcheck disable=SC2046 # an argument for each address
case ${PROXY_GATEWAY:=gateway:8080} in
    *,*) sh "$(dirname "$0")/gateways.sh" $(echo "$PROXY_GATEWAY" | tr ',' ' '); PROXY_GATEWAY=gateways ;;
    *[!A-Za-z0-9.:-]*) echo "PROXY_GATEWAY: HOST:PORT, or several with commas between, not $PROXY_GATEWAY" >&2; exit 2 ;;
esac
# HTTP/2 has a directive of its own since 1.25.1. Since 1.27.4 a reload leaves idle connections open for a while, so
# that no request meets its connection's end.
nginx=${PROXY_NGINX:-nginx}
minor=$("$nginx" -v 2>&1 | sed 's|.*nginx/1\.\([0-9]*\).*|\1|')
if [ "$minor" -gt 27 ]; then keep='keepalive_min_timeout 10s;'; else keep=''; fi
if [ "$minor" -gt 25 ]; then http2='http2 on;' listen=''; else http2='' listen=' http2'; fi
sed -e "s|@WORK@|$work|g; s|@CERTIFICATES@|$PROXY_CERTIFICATES|g; s|@NAME@|$PROXY_NAME|g" \
    -e "s|@GATEWAY@|$PROXY_GATEWAY|g; s|@STORE@|$PROXY_STORE|g; s|@STORE_NAME@|${PROXY_STORE_NAME:-store.invalid}|g" \
    -e "s|@RESOLVER@|${PROXY_RESOLVER:+resolver $PROXY_RESOLVER valid=10s;}|g" \
    -e "s|@CONNECTIONS@|$PROXY_CONNECTIONS|g; s|@HEAD_SECONDS@|$PROXY_HEAD_SECONDS|g" \
    -e "s|@TLS_PORT@|$PROXY_TLS_PORT|g; s|@PLAIN_PORT@|$PROXY_PLAIN_PORT|g" \
    -e "s|@KEEP@|$keep|g" \
    -e "s|@HTTP2@|$http2|g; s|@LISTEN_HTTP2@|$listen|g" "$(dirname "$0")/nginx.conf" > "$work/nginx.conf"
exec "$nginx" -e stderr -c "$work/nginx.conf" -g 'daemon off;'
