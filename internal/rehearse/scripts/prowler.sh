#!/bin/sh
# Run Prowler's checks of an account.
#
#     prowler.sh PROWLER REGIONS [SERVICE...]
#
# PROWLER is the program, REGIONS a list with commas, a SERVICE one of "prowler
# aws --list-services"; without one, nine common ones, which take some 90 seconds.
# The keys are those of the environment. Results go into a folder under HOME.
set -eu
. "$(dirname "$0")/offline.sh"

prowler=$1 regions=$2
shift 2
[ $# -gt 0 ] || set -- cloudtrail ec2 iam kms rds s3 secretsmanager sns sqs
# Failed checks are no failure of the run, which is what --ignore-exit-code-3 says.
"$prowler" aws --no-banner --no-color --ignore-exit-code-3 --output-formats csv --output-directory "$HOME/prowler" \
	--region $(printf '%s' "$regions" | tr ',' ' ') --service "$@" </dev/null
