#!/bin/sh
# Install the clients and tools that rehearsals drive.
#
#     setup.sh [DIR] [--only NAME,NAME...]
#
# DIR (.rehearse unless named) gets one virtual environment of Python for each
# of these:
#
#     aws         the AWS CLI, boto3 and moto, which stands in for AWS      350 MB
#     pacu        Pacu, which enumerates and attacks AWS                    370 MB
#     scoutsuite  ScoutSuite, which audits accounts; its AWS part alone     130 MB
#     azure       the Azure CLI                                             730 MB
#     google      Google's Python client libraries                          170 MB
#     prowler     Prowler, which audits accounts; only where named, since it
#                 brings the SDKs of a dozen clouds                        2300 MB
#
# and uses gcloud where it is on the PATH. Everything is installed from the
# package index that pip is set up for. A second run changes nothing that is up to
# date. What cannot be had is named at the end and skipped by rehearsals, which
# count it: the exit status is 0. It is 2 where the call was wrong.
#
# PYTHON names the interpreter (python3 unless set); 3.11 is what the tools were
# tried with.
set -eu

# Versions decide what stands in the user agents of a recording. AWS's, moto's and
# the Azure CLI's are those of internal/emulate/samples/record.sh.
AWSCLI=1.45.11 BOTO3=1.43.11 MOTO=5.2.1 AZURE_CLI=2.91.0 GCLOUD=528.0.0
PACU=1.7.0 PACU_AWSCLI=1.29.85 SCOUTSUITE=5.14.0 PROWLER=5.46.0
GOOGLE_AUTH=2.63.0 GOOGLE_API_CLIENT=2.202.0

usage() { echo "setup.sh [DIR] [--only aws,pacu,scoutsuite,azure,google,prowler]" >&2; exit 2; }

dir='' only='aws pacu scoutsuite azure google'
while [ $# -gt 0 ]; do
	case $1 in
	--only) [ $# -gt 1 ] || usage; only=$(printf '%s' "$2" | tr ',' ' '); shift ;;
	--only=*) only=$(printf '%s' "${1#*=}" | tr ',' ' ') ;;
	-*) usage ;;
	*) [ -z "$dir" ] || usage; dir=$1 ;;
	esac
	shift
done
[ -n "$only" ] || usage
for name in $only; do
	case $name in aws | pacu | scoutsuite | azure | google | prowler) ;; *) usage ;; esac
done
dir=${dir:-.rehearse}
mkdir -p "$dir"
python=${PYTHON:-python3}
absent=''

# venv NAME WANTED PROGRAM: make a new environment unless the one that is there
# was made for WANTED and has the program. Its exit status says whether packages
# have to be installed.
venv() {
	[ -x "$dir/$1/bin/$3" ] && [ "$(cat "$dir/$1/installed" 2>/dev/null)" = "$2" ] && { echo "$1: $2 is there"; return 1; }
	rm -rf "${dir:?}/$1"
	# Without an environment pip is not there either, which finish sees.
	"$python" -m venv "$dir/$1" || :
}

# finish NAME WANTED PROGRAM STATUS: note what was installed, or that it was not.
finish() {
	if [ "$4" -eq 0 ] && [ -x "$dir/$1/bin/$3" ]; then
		printf '%s\n' "$2" >"$dir/$1/installed"
		echo "$1: $2 installed"
	else
		rm -rf "${dir:?}/$1"
		absent="$absent $1"
		echo "$1: $2 could not be installed" >&2
	fi
}

# install NAME WANTED PROGRAM REQUIREMENT...
install() {
	tool=$1 wanted=$2 program=$3
	shift 3
	venv "$tool" "$wanted" "$program" || return 0
	status=0
	"$dir/$tool/bin/pip" install -q --disable-pip-version-check "$@" || status=$?
	finish "$tool" "$wanted" "$program" "$status"
}

# ScoutSuite asks for the SDKs of seven clouds (1.6 GB), of which an audit of AWS
# loads none but Amazon's: it is installed without what it asks for, and then what
# its AWS part imports. coloredlogs and python-dateutil have the bounds that
# ScoutSuite itself sets. boto3 is pinned because ScoutSuite takes any.
scoutsuite() {
	wanted="ScoutSuite $SCOUTSUITE, boto3 $BOTO3"
	venv scoutsuite "$wanted" scout || return 0
	status=0
	pip="$dir/scoutsuite/bin/pip install -q --disable-pip-version-check"
	$pip --no-deps "scoutsuite==$SCOUTSUITE" &&
		$pip --no-warn-conflicts "boto3==$BOTO3" policyuniverse netaddr sqlitedict cherrypy cherrypy-cors \
			'coloredlogs<=10.0' asyncio-throttle==0.1.1 'python-dateutil<2.8.1' || status=$?
	finish scoutsuite "$wanted" scout "$status"
}

for name in $only; do
	case $name in
	aws) install aws "awscli $AWSCLI, boto3 $BOTO3, moto $MOTO" moto_server "awscli==$AWSCLI" "boto3==$BOTO3" "moto[server]==$MOTO" ;;
	# Pacu wants botocore below 1.32 and so gets an SDK of 2023. That belongs to
	# how it looks in a log, and keeps it out of the environment of the others.
	# Its AWS CLI has to be of the same day: newer ones bring an s3transfer of
	# their own, which wants a newer botocore, and every client of S3 ends in an
	# ImportError that Pacu takes for a service that is not there.
	pacu) install pacu "Pacu $PACU, awscli $PACU_AWSCLI" pacu "pacu==$PACU" "awscli==$PACU_AWSCLI" ;;
	scoutsuite) scoutsuite ;;
	azure) install azure "azure-cli $AZURE_CLI" az "azure-cli==$AZURE_CLI" ;;
	# Its Python has a name of its own: that of the AWS clients is python3.
	google)
		install google "google-auth $GOOGLE_AUTH, google-api-python-client $GOOGLE_API_CLIENT" python \
			"google-auth==$GOOGLE_AUTH" "google-api-python-client==$GOOGLE_API_CLIENT" requests
		[ ! -x "$dir/google/bin/python" ] || ln -sf python "$dir/google/bin/google-python"
		;;
	# Prowler pins all it needs, and imports the SDK of every cloud at its start.
	prowler) install prowler "Prowler $PROWLER" prowler "prowler==$PROWLER" ;;
	esac
done

if have=$(gcloud version --format='value("Google Cloud SDK")' 2>/dev/null); then
	note=''
	[ "$have" = "$GCLOUD" ] || note=" (recordings were made with $GCLOUD: expect other user agents)"
	echo "gcloud: $have on the PATH$note"
else
	absent="$absent gcloud"
	echo "gcloud: not on the PATH" >&2
fi
[ -z "$absent" ] || echo "absent:$absent; rehearsals that need them are skipped and counted"
