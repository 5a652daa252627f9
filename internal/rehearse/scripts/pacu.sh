#!/bin/sh
# Run modules of Pacu, one after the other, in a session of their own.
#
#     pacu.sh PACU REGIONS MODULE...
#
# PACU is the program, REGIONS a list with commas, a MODULE such as ec2__enum;
# what follows the name in the same argument is handed to the module:
# "iam__bruteforce_permissions --region us-east-1". The keys are those of the
# environment. Pacu keeps its sessions in HOME, which has to be a folder to throw
# away: a session of the same name is an error.
set -eu
. "$(dirname "$0")/offline.sh"

pacu=$1 regions=$2
shift 2
keys=rehearsal,$AWS_ACCESS_KEY_ID,$AWS_SECRET_ACCESS_KEY${AWS_SESSION_TOKEN:+,$AWS_SESSION_TOKEN}
# Pacu asks on standard input where it lacks something; end of file ends it.
"$pacu" --new-session rehearsal --set-keys "$keys" </dev/null
"$pacu" --session rehearsal --set-regions $(printf '%s' "$regions" | tr ',' ' ') </dev/null
for module in "$@"; do
	name=${module%% *}
	args=${module#"$name"}
	# Some modules end with an error where a call is refused or a stand-in's
	# answer lacks a field; what they called until then is on record.
	"$pacu" --session rehearsal --module-name "$name" ${args:+--module-args="${args# }"} --exec </dev/null ||
		echo "pacu.sh: $name ended with status $?" >&2
done
