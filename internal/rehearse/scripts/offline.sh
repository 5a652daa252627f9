# What every shell script asks first: does each call go to the recorder? To be
# read with "." and not to be run. Ends the script unless the proxy variables
# name an address of this machine and nothing of a cloud is left out of the
# proxy. Who means to call a real cloud sets REHEARSE_FOR_REAL=yes.

require_loopback() {
	[ "${REHEARSE_FOR_REAL:-}" != yes ] || return 0
	[ -n "${HTTPS_PROXY:-}" ] || { echo "refused: HTTPS_PROXY is not set, so calls would go to the real cloud; run this through the recorder" >&2; exit 1; }
	for proxy in "$HTTPS_PROXY" "${https_proxy:-$HTTPS_PROXY}"; do
		port=''
		case $proxy in
		http://127.0.0.1:*) port=${proxy#http://127.0.0.1:} ;;
		http://localhost:*) port=${proxy#http://localhost:} ;;
		"http://[::1]:"*) port=${proxy#"http://[::1]:"} ;;
		esac
		# What follows must be a port alone: 127.0.0.1:1@ would be a user's name.
		case ${port%/} in
		'' | *[!0-9]*) echo "refused: $proxy is not an address of this machine" >&2; exit 1 ;;
		esac
	done
	# A star is a name here and not a pattern for files.
	set -f
	for skipped in $(printf '%s' "${NO_PROXY:-},${no_proxy:-}" | tr ',' ' '); do
		case $skipped in
		127.0.0.1 | localhost | ::1) ;;
		*) echo "refused: $skipped would go past the recorder" >&2; exit 1 ;;
		esac
	done
	set +f
}
require_loopback
