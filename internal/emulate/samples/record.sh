#!/bin/sh
# Record the sample logs of examples/ anew. Run it from the root of the
# repository. It needs Go, Python 3.11 or later, and gcloud on the PATH; the
# Python clients are installed into a folder that is thrown away (or kept, if
# CLIENTS names one). With the versions below the result is the same, byte for
# byte. Nothing is sent to any cloud: every host the clients ask for is served
# by a stand-in on this machine, and a host without one fails the recording.
set -eu

AWSCLI=1.45.11 BOTO3=1.43.11 MOTO=5.2.1 AZURE_CLI=2.91.0 GCLOUD=528.0.0

clients=${CLIENTS:-$(mktemp -d)}
[ -n "${CLIENTS:-}" ] || trap 'rm -rf "$clients"' EXIT
for env in aws azure; do
	[ -x "$clients/$env/bin/python" ] || python3 -m venv "$clients/$env"
done
"$clients/aws/bin/pip" install -q "awscli==$AWSCLI" "boto3==$BOTO3" "moto[server]==$MOTO"
"$clients/azure/bin/pip" install -q "azure-cli==$AZURE_CLI"

have=$(gcloud version --format='value("Google Cloud SDK")')
[ "$have" = "$GCLOUD" ] || echo "record.sh: gcloud is $have, the samples were made with $GCLOUD: expect other user agents" >&2

go run ./internal/emulate/samples -o examples "$@" \
	-aws "$clients/aws/bin/aws" -moto "$clients/aws/bin/moto_server" -python "$clients/aws/bin/python" \
	-az "$clients/azure/bin/az" -gcloud gcloud
