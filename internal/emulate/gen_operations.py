#!/usr/bin/env python3
"""Write operations.gz: the REST operations of AWS's services.

    python3 gen_operations.py [folder with an older botocore ...] > operations.gz

The names, methods and paths are facts from botocore's service models
(Apache-2.0, named in NOTICE). A folder on the command line holds an older
botocore (pip install --no-deps --target FOLDER botocore==VERSION): services
that the installed one has dropped are taken from there, since older clients
still call them.

Services whose names CloudTrail writes in a form of its own (S3, Lambda,
CloudFront) are left out: what is known of those is in awsroutes.tsv, and what
is not known must not be made up from the models.
"""
import gzip
import os
import re
import sys

import botocore
import botocore.loaders

IRREGULAR = {"s3", "lambda", "cloudfront"}

# The paths of the two calls that S3 Control has under other names.
RENAMED = {("s3-control", op) for op in ("GetPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock")}


def lower_first(s):
    return s[:1].lower() + s[1:]


def member_names(model, op):
    """Names of the input's members by their label in the path."""
    shape = op.get("input")
    if not shape:
        return {}
    members = model["shapes"][shape["shape"]].get("members", {})
    return {m.get("locationName", n): n for n, m in members.items() if m.get("location") == "uri"}


def operations(loader, done):
    for name in loader.list_available_services("service-2"):
        model = loader.load_service_model(name, "service-2")
        meta = model["metadata"]
        if name in IRREGULAR or name in done or not meta["protocol"].startswith("rest-"):
            continue
        endpoint = meta["endpointPrefix"]
        rows = []
        for op in model["operations"].values():
            if (endpoint, op["name"]) in RENAMED:
                continue
            if endpoint == "s3-control" and op["http"]["requestUri"].startswith("/v20180820/bucket"):
                continue  # buckets on Outposts, whose records no source shows
            names = member_names(model, op)
            path = re.sub(
                r"\{([^}+]+)(\+?)\}",
                lambda m: "{" + lower_first(names.get(m[1], m[1])) + m[2] + "}",
                op["http"]["requestUri"],
            )
            rows.append(f'{op["http"]["method"]}\t{path}\t{op["name"]}')
        yield name, meta.get("signingName", endpoint), endpoint, sorted(rows)


def main():
    loaders = [botocore.loaders.Loader(include_default_search_paths=False, extra_search_paths=[os.path.join(os.path.dirname(botocore.__file__), "data")])]
    versions = [botocore.__version__]
    for folder in sys.argv[1:]:
        data = os.path.join(folder, "botocore", "data")
        loaders.append(botocore.loaders.Loader(extra_search_paths=[data], include_default_search_paths=False))
        init = open(os.path.join(folder, "botocore", "__init__.py"), encoding="utf-8").read()
        versions.append(re.search(r"__version__ = '([^']+)'", init)[1])
    out = [
        f"# REST operations of AWS's services, from the service models of botocore {versions[0]}"
        + "".join(f", and of {v} for services that were dropped since" for v in versions[1:])
        + " (Apache-2.0).",
        "# Written by gen_operations.py. A line with > names the service: signing name, endpoint prefix.",
        "# The lines below it are its operations: method, path, name; tab-separated.",
    ]
    done = set()
    for loader in loaders:
        added = set()
        for name, signing, endpoint, rows in operations(loader, done):
            added.add(name)
            out.append(f">\t{signing}\t{endpoint}")
            out.extend(rows)
        done |= added | set(loader.list_available_services("service-2"))
    text = "\n".join(out) + "\n"
    with gzip.GzipFile(filename="", fileobj=sys.stdout.buffer, mode="wb", compresslevel=9, mtime=0) as z:
        z.write(text.encode())


if __name__ == "__main__":
    main()
