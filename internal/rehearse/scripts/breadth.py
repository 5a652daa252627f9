"""Call every read of a list that needs no parameter, once, in one region.

    breadth.py LIST TOOL [--module M] [--region R] [--shuffle SEED]

LIST is a table like internal/footprint/tools.tsv (tool, module, service as
event source, operation as the log names it), TOOL the rows to take: so calls
CloudFox ("cloudfox") or enumerate-iam ("enumerate-iam", which asks in no
order: --shuffle). Whether an operation can be called with nothing but its name
is read from the SDK's own models; what cannot, and what the SDK no longer has,
is left out and counted.
"""
import argparse
import random
import re
import sys

import offline
import botocore.session
from botocore import xform_name

API_DATE = re.compile(r"(20\d{6}|20\d\d_\d\d_\d\d)(v\d+)?$")

# The log's name of an operation where it is not the API's, and a source where
# it is not the signing name; from internal/emulate's tables.
RENAMED = {("s3", "GetBucketLifecycle"): "GetBucketLifecycleConfiguration", ("s3", "GetBucketNotification"): "GetBucketNotificationConfiguration"}


def operations():
    """(source, operation) -> (client name, model), from the SDK's models."""
    session = botocore.session.get_session()
    index = {}
    for name in session.get_available_services():
        model = session.get_service_model(name)
        for source in {model.signing_name, model.endpoint_prefix}:
            for operation in model.operation_names:
                # Of two clients with one signing name, such as elb and elbv2,
                # the first in the alphabet is as good as the other.
                index.setdefault((source, operation), (name, model))
    return index


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("list")
    args.add_argument("tool")
    args.add_argument("--module", default="")
    args.add_argument("--region", default="us-east-1")
    args.add_argument("--shuffle", type=int)
    args = args.parse_args()

    index, calls, seen, left = operations(), [], set(), 0
    with open(args.list, encoding="utf-8") as table:
        for line in table:
            tool, module, source, operation = line.rstrip("\n").split("\t")
            if tool != args.tool or args.module and module != args.module:
                continue
            service = source.split(".")[0]
            operation = RENAMED.get((service, operation), API_DATE.sub("", operation))
            found = index.get((service, operation))
            if found is None:
                left += 1
                continue
            name, model = found
            if model.signature_version == "v2":  # SimpleDB: a signature that says neither region nor service
                left += 1
                continue
            shape = model.operation_model(operation).input_shape
            if shape is not None and shape.required_members or (name, operation) in seen:
                left += 1
                continue
            seen.add((name, operation))
            calls.append((name, operation))
    if not calls:
        sys.exit("breadth.py: %s has no operation of %s" % (args.list, args.tool))
    if args.shuffle is not None:
        random.Random(args.shuffle).shuffle(calls)

    tally, clients = offline.Tally(), {}
    for name, operation in calls:
        if name not in clients:
            clients[name] = offline.client(name, args.region)
        tally.call(getattr(clients[name], xform_name(operation)))
    print("%s: %d calls over %d clients: %s; %d of the list left out" % (args.tool, len(calls), len(clients), tally, left))


main()
