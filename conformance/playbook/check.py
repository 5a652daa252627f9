#!/usr/bin/env python3
"""Holds the commands of all playbooks against the clients that they are for.

    check.py VEDETTE PROGRAM=PATH...

For each type of principal the template of its playbook is taken and its blanks
filled with examples. A real shell splits each line into words, and the client
itself reads them: aws with an endpoint where nobody listens, az and gcloud
without a signed-in account, so that each gets as far as its own parser and
checks let it and no further. What vedette is told to do, vedette's own test
reads. A client that is not there is named, and its commands are counted as not
checked (exit code 77 where that is all that is wrong).
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# Examples for blanks, of the form that the clients check.
EXAMPLES = {
    "FINDING": "19b0d45c", "PATH": "logs", "ACCOUNT": "111122223333", "START_TIME": "2026-03-17T13:00:00Z",
    "END_TIME": "2026-03-18T13:00:00Z", "ADDRESS": "203.0.113.66", "PRINCIPAL": "somebody", "USER_NAME": "marek.novak",
    "ROLE_NAME": "deploy", "KEY_ID": "AKIAIOSFODNN7EXAMPLE", "INSTANCE_ID": "i-0a1b2c3d4e5f60718", "SESSION_NAME": "ada@example.com",
    "OBJECT_ID": "77777777-0000-0000-0000-000000000001", "APPLICATION_ID": "66666666-0000-0000-0000-00000000000a",
    "STORAGE_ACCOUNT": "store1", "EMAIL": "report@shop-prod-4711.iam.gserviceaccount.com", "MEMBER": "user:ada@example.com",
    "RESOURCE_ID": "/subscriptions/22222222-3333-4444-5555-666666666666/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1",
    "ORIGIN_MEMBER": "user:ada@example.com", "POOL": "pool", "POOL_PROJECT": "123456789012", "HOME_PROJECT": "shop-prod-4711", "REGION": "eu-west-1",
    "TRAIL_ARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/trail", "IDENTITY_STORE_ID": "d-1234567890",
    "NEW_PASSWORD": "Pw.12345678-xyz", "EMPTY_SECURITY_GROUP_ID": "sg-0a1b2c3d4e5f60718", "SECURITY_GROUP_ID": "sg-0a1b2c3d4e5f60719",
    "ASSOCIATION_ID": "iip-assoc-0a1b2c3d4e5f60718", "INSTANCE_PROFILE": "profile", "POLICY_ID": "p-12345678",
    "SSO_INSTANCE_ARN": "arn:aws:sso:::instance/ssoins-1234567890abcdef", "SSO_USER_ID": "92345678-0000-0000-0000-000000000001",
    "PERMISSION_SET_ARN": "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef", "NEW_INSTANCE_ID": "i-0a1b2c3d4e5f60719",
    "SERVICE_NAME": "autoscaling.amazonaws.com", "CONTAINED_AT": "2026-03-17T15:00:00Z", "REASON": "a test", "OWNER": "ada", "DURATION": "7d",
    "EVIDENCE_RESOURCE_GROUP": "evidence", "RESOURCE_GROUP": "rg", "CREDENTIAL_KEY_ID": "88888888-0000-0000-0000-000000000001",
    "CERTIFICATE_FILE": "cert.pem", "ROLE_ASSIGNMENT_ID": "/subscriptions/22222222-3333-4444-5555-666666666666/providers/Microsoft.Authorization/roleAssignments/99999999-0000-0000-0000-000000000001",
    "DISK_RESOURCE_ID": "/subscriptions/22222222-3333-4444-5555-666666666666/resourceGroups/rg/providers/Microsoft.Compute/disks/disk1",
    "SCOPE": "/subscriptions/22222222-3333-4444-5555-666666666666", "IDENTITY_OR_SYSTEM": "[system]", "PRIMARY_OR_SECONDARY": "primary",
    "CONTAINER": "container", "SAS_POLICY": "policy", "PERMISSIONS": "r", "EXPIRY": "2026-03-18T13:00Z", "DISK": "disk1", "ZONE": "europe-west1-b",
    "SNAPSHOT": "disk1", "IAM_ROLE": "roles/viewer", "INSTANCE": "vm1", "QUARANTINE_TAG": "quarantine", "PROVIDER": "provider",
}

# What a client says once it has understood the whole command.
UNDERSTOOD = {
    "aws": re.compile(r"Could not connect to the endpoint URL"),
    "az": re.compile(r"Please run 'az login'"),
    "gcloud": re.compile(r"do not currently have an active account selected"),
}


# An account is called otherwise in each cloud.
ACCOUNTS = {"az": "22222222-3333-4444-5555-666666666666", "gcloud": "shop-prod-4711"}


def blank(text):
    """The text with examples in the place of blanks."""
    text = re.sub(r"(?<![A-Z_])ACCOUNT(?![A-Z_])", ACCOUNTS.get(text.split()[0], EXAMPLES["ACCOUNT"]), text)
    return re.sub(r"(?<![A-Z_])(" + "|".join(sorted(EXAMPLES, key=len, reverse=True)) + r")(?![A-Z_])", lambda m: EXAMPLES[m[1]], text)


def words(line, work):
    """The words that a shell makes of a line, without its redirection."""
    script = "".join(f"{p}() {{ printf '%s\\0' {p} \"$@\" >&3; }}\n" for p in ("aws", "az", "gcloud", "vedette")) + line + "\n"
    done = subprocess.run(["sh", "-c", "exec 3>words\n" + script], cwd=work, capture_output=True, text=True)
    if done.returncode != 0 or done.stderr:
        raise ValueError(f"sh: {done.stderr.strip()}")
    with open(os.path.join(work, "words"), encoding="utf-8") as out:
        return out.read().split("\0")[:-1]


def lines(vedette):
    """All commands of all templates, each once, by the step that has it."""
    types = re.findall(r"^(\w+) ", subprocess.run([vedette, "playbook", "--types"], check=True, capture_output=True, text=True).stdout, re.M)
    found = {}
    for t in types:
        book = json.loads(subprocess.run([vedette, "playbook", "--principal-type", t, "-f", "json"], check=True, capture_output=True, text=True).stdout)
        for b in book["blanks"]:
            if b not in EXAMPLES:
                raise SystemExit(f"{t}: there is no example for the blank {b}")
        for ph in book["phases"]:
            for s in ph["steps"]:
                for line in s["commands"] + s.get("undo_commands", []):
                    found.setdefault(line, s["id"])
    return len(types), found


def main():
    vedette = os.path.abspath(sys.argv[1])
    programs = {}
    for a in sys.argv[2:]:
        name, path = a.split("=", 1)
        # A wrapper may look at the name that it is called by.
        programs[name] = os.path.abspath(path) if "/" in path else path
    types, found = lines(vedette)
    work = tempfile.mkdtemp(prefix="playbook-")
    os.mkdir(os.path.join(work, "evidence-19b0d45c"))
    env = dict(
        os.environ, AWS_MAX_ATTEMPTS="1", AWS_EC2_METADATA_DISABLED="true", AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE",
        AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="us-east-1", AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AZURE_CONFIG_DIR=os.path.join(work, "az"), AZURE_CORE_COLLECT_TELEMETRY="false", AZURE_EXTENSION_USE_DYNAMIC_INSTALL="no",
        CLOUDSDK_CONFIG=os.path.join(work, "gcloud"), CLOUDSDK_CORE_DISABLE_PROMPTS="1", CLOUDSDK_CORE_DISABLE_USAGE_REPORTING="1",
    )
    checked, left, wrong = {}, {}, []

    def ask(argv):
        program = argv[0]
        argv = [programs[program], *argv[1:]] + (["--endpoint-url", "http://127.0.0.1:9"] if program == "aws" else [])
        done = subprocess.run(argv, cwd=work, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return UNDERSTOOD[program].search(done.stderr) is not None, done

    jobs, policies = [], []
    for line, step in found.items():
        try:
            argv = words(blank(line), work)
        except ValueError as err:
            wrong.append(f"{step}: {line}\n    {err}")
            continue
        for w in argv:
            text = w.split("=", 1)[-1]
            if text.startswith("{") and '"Statement"' in text:
                policies.append((step, "--policy-document" in w and "assume-role" in argv[2], text))
        if argv[0] == "vedette":
            left["vedette"] = left.get("vedette", 0) + 1
        elif argv[0] not in programs:
            left[argv[0]] = left.get(argv[0], 0) + 1
        else:
            jobs.append((step, line, argv))
    # The lines have emptied the files that they would have written.
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    with open(os.path.join(work, "evidence-19b0d45c", "trust-deploy.json"), "w", encoding="utf-8") as f:
        f.write(policy)
    with open(os.path.join(work, "cert.pem"), "w", encoding="utf-8") as f:
        f.write("MIIB\n")
    with ThreadPoolExecutor(2) as pool:
        for (step, line, argv), (ok, done) in zip(jobs, pool.map(lambda j: ask(j[2]), jobs)):
            if ok:
                checked[argv[0]] = checked.get(argv[0], 0) + 1
            else:
                wrong.append(f"{step}: {line}\n    exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}")

    print(f"{types} types of principals, {len(found)} commands, {len(policies)} policies")
    for p, n in sorted(checked.items()):
        print(f"  {p}: {n} understood by the client")
    for p, n in sorted(left.items()):
        why = "vedette's own test reads them" if p == "vedette" else "the client is not to be had"
        print(f"  {p}: {n} not checked here: {why}")
    for w in wrong:
        print("WRONG", w)
    if policies and not wrong:
        wrong += lint(policies)
    if wrong:
        return 1
    return 77 if set(left) - {"vedette"} else 0


def lint(policies):
    """Holds the policies against parliament, where it is installed."""
    try:
        from parliament import analyze_policy_string
    except ImportError:
        print("  policies: not checked: parliament is not to be had")
        return []
    wrong = []
    for step, trust, text in policies:
        # parliament reads policies of identities alone: a trust policy has a
        # principal and no resource, which it would call faults.
        if trust or '"Principal"' in text:
            policy = json.loads(text)
            for s in policy["Statement"]:
                s.pop("Principal")
                s["Resource"] = "*"
            text = json.dumps(policy)
        for f in analyze_policy_string(text).findings:
            # A containment denies everything on everything: that is its sense.
            wrong.append(f"{step}: {f.issue}: {f.detail} {text}")
    for w in wrong:
        print("WRONG", w)
    print(f"  policies: {len(policies)} without a finding of parliament" if not wrong else "  policies: see above")
    return wrong


sys.exit(main())
