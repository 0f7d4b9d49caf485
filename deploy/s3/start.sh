#!/bin/sh
# Starts the store with an identity for each role: bus/contract/role_rights.py as SeaweedFS reads it. They are
# written into memory here, as Compose puts no generated file into a container that it may not write.
set -eu
for key in S3_SECRET_ACCESS_KEY ROLE_PASSWORD_GATEWAY ROLE_PASSWORD_PARTNERS ROLE_PASSWORD_INFERENCE ROLE_PASSWORD_EXPORT; do
    file='' given=''
    eval "file=\${${key}_FILE:-}; given=\${$key:-}"
    if [ "$given" = in-a-file ]; then echo "$key is in-a-file: add compose.secrets.yaml to COMPOSE_FILE" >&2; exit 2; fi
    if [ -n "$file" ]; then eval "$key=\$(cat \"\$file\")"; fi
done
: "${S3_ACCESS_KEY_ID:?Set S3_ACCESS_KEY_ID in .env to a name of your choice.}"
: "${S3_SECRET_ACCESS_KEY:?Set S3_SECRET_ACCESS_KEY in .env to a long random word.}"
bucket=${S3_BUCKET:-sharpstream}
case $S3_ACCESS_KEY_ID$S3_SECRET_ACCESS_KEY$bucket in *[!A-Za-z0-9._~+/=-]*)
    echo "S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_BUCKET: letters, digits and . _ ~ + / = - only" >&2; exit 2 ;;
esac
umask 077
work=${S3_WORK:-/tmp}
cat > "$work/identities.json" <<JSON
{"identities": [
  {"name": "admin", "credentials": [{"accessKey": "$S3_ACCESS_KEY_ID", "secretKey": "$S3_SECRET_ACCESS_KEY"}],
   "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
  {"name": "sharpstream-gateway", "credentials": [{"accessKey": "sharpstream-gateway", "secretKey": "$ROLE_PASSWORD_GATEWAY"}],
   "actions": ["Read:$bucket", "Write:$bucket", "List:$bucket"]},
  {"name": "sharpstream-partners", "credentials": [{"accessKey": "sharpstream-partners", "secretKey": "$ROLE_PASSWORD_PARTNERS"}],
   "actions": ["Read:$bucket/originals/*", "Read:$bucket/uploads/*", "Write:$bucket/originals/*"]},
  {"name": "sharpstream-inference", "credentials": [{"accessKey": "sharpstream-inference", "secretKey": "$ROLE_PASSWORD_INFERENCE"}],
   "actions": ["Read:$bucket/originals/*", "Write:$bucket/results/*"]},
  {"name": "sharpstream-export", "credentials": [{"accessKey": "sharpstream-export", "secretKey": "$ROLE_PASSWORD_EXPORT"}],
   "actions": ["Read:$bucket/originals/*", "Read:$bucket/results/*", "Read:$bucket/exports/*", "Write:$bucket/exports/*"]}
]}
JSON
# Only the S3 port listens to other containers; the parts behind it serve every object without credentials.
exec "${S3_WEED:-weed}" server -dir="${S3_DATA:-/data}" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -s3 -s3.ip.bind=0.0.0.0 -s3.port=8333 -s3.config="$work/identities.json" -s3.autoCreateBucket=false \
    -s3.port.iceberg=0 -s3.port.lance=0 -master.telemetry=false -master.volumeSizeLimitMB=1024 -volume.max=0
