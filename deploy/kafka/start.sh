#!/usr/bin/env bash
# Starts one KRaft broker with passwords from its first moment on: the image's own start cannot add SCRAM
# users while it formats. Formats an empty folder only; everything else is in server.properties beside this.
# Where there is a certificate (one file: private key, certificate, chain), partners speak TLS.
set -euo pipefail
if [ "${KAFKA_PASSWORD:-}" = in-a-file ]; then echo "KAFKA_PASSWORD is in-a-file: add compose.secrets.yaml to COMPOSE_FILE" >&2; exit 2; fi
if [ -n "${KAFKA_PASSWORD_FILE:-}" ]; then KAFKA_PASSWORD=$(cat "$KAFKA_PASSWORD_FILE"); fi
: "${KAFKA_PASSWORD:?set the password of the user sharpstream}" "${KAFKA_CLUSTER_ID:?}"
case $KAFKA_PASSWORD in *[!A-Za-z0-9._~-]*) echo "KAFKA_PASSWORD: letters, digits and . _ ~ - only" >&2; exit 2 ;; esac
partners=${KAFKA_PARTNERS_ADDRESS:-localhost:9094}
case $partners in *[!A-Za-z0-9.:-]*) echo "PARTNERS_BOOTSTRAP_SERVERS: host:port only" >&2; exit 2 ;; esac
pem=${KAFKA_PARTNERS_PEM:-/etc/sharpstream/partners.pem}
if [ -s "$pem" ]; then protocol=SASL_SSL; else protocol=SASL_PLAINTEXT; fi
umask 077
work=${KAFKA_WORK:-/tmp/kafka}
mkdir -p "$work"
sed "s/@PASSWORD@/$KAFKA_PASSWORD/g; s/@PARTNERS@/$partners/g; s/@PROTOCOL@/$protocol/g" \
    "$(dirname "$0")/server.properties" > "$work/server.properties"
if [ $protocol = SASL_SSL ]; then
    printf 'listener.name.partners.ssl.%s\n' keystore.type=PEM "keystore.location=$pem" \
        enabled.protocols=TLSv1.3,TLSv1.2 >> "$work/server.properties"
fi
if [ -n "${KAFKA_EXTRA:-}" ]; then printf '%s\n' "$KAFKA_EXTRA" >> "$work/server.properties"; fi
# Through an argument file: passwords on a command line are everybody's to read.
printf '%s\n' format --ignore-formatted --config "$work/server.properties" --cluster-id "$KAFKA_CLUSTER_ID" \
    --add-scram "SCRAM-SHA-512=[name=sharpstream,password=$KAFKA_PASSWORD]" > "$work/format"
"${KAFKA_HOME:-/opt/kafka}/bin/kafka-storage.sh" "@$work/format"
rm "$work/format"
exec "${KAFKA_HOME:-/opt/kafka}/bin/kafka-server-start.sh" "$work/server.properties"
