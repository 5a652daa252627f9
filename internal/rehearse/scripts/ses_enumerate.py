"""Look whether mail can be sent from the account, and as whom.

    ses_enumerate.py [REGION]

The four calls of Stratus Red Team's aws.discovery.ses-enumerate (commit
7c9a7a5); identities are asked about one by one, as many as the list has.
"""
import sys

import offline

ses, tally = offline.client("ses", sys.argv[1] if len(sys.argv) > 1 else "eu-west-1"), offline.Tally()
tally.call(ses.get_account_sending_enabled)
listed = tally.call(ses.list_identities)
for identity in (listed or {}).get("Identities", []):
    tally.call(ses.get_identity_verification_attributes, Identities=[identity])
tally.call(ses.get_send_quota)
print("ses_enumerate: %s" % tally)
