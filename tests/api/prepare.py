"""Fills a fresh `kinlink serve` with requests in every status that staff can bring about, so that what is called later
finds real things, and writes their ids where schemathesis.toml looks for them.

    prepare.py FOLDER < the line that `kinlink serve --json` printed
"""

import json
import pathlib
import sys
import time
import urllib.request

ready = json.load(sys.stdin)
folder = pathlib.Path(sys.argv[1])


def call(method, path, body=None, key=ready["admin_token"], **headers):
    headers = {"Authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(ready["address"] + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def staff(method, path, body=None, **headers):
    return call(method, "/api/v1/admin" + path, body, **headers)


def submit(number, pupils, key):
    children = [
        {
            "given_name": pupil["given_name"],
            "family_name": pupil["family_name"],
            "tutor_group": pupil["tutor_group"] or None,
            "admission_number": pupil["admission_number"],
        }
        for pupil in pupils
    ]
    adult = {"given_name": f"Adult{number}", "family_name": "Example", "email": f"adult{number}@example.org"}
    body = {"kind": "new_account", "adult": adult, "children": children, "declaration": True}
    return call("POST", "/api/v1/requests", body, key)["reference"]


def decide(reference, action, body):
    return staff("POST", f"/requests/{reference}/{action}", body, If_Match="*")


def words(name, values):
    lines = "".join(f'"{value}"\n' for value in sorted(values))
    (folder / f"{name}.txt").write_text(lines)


proven = staff("POST", "/sources", {"name": "A form that proves addresses", "proves_email": True})["secret"]
pupils = staff("GET", "/pupils?limit=20")["items"]
references = [submit(number, pupils[number : number + 2], proven) for number in range(10)]
submit(10, pupils[:1], ready["source_key"])

checks = {"details_match": True, "no_similar_pupil": True, "no_critical_note": True}
for reference in references[:3]:
    shown = staff("GET", f"/requests/{reference}")
    # Whoever is not clear by name is picked; here every number says who it is.
    picks = {match["claim"]: match["candidates"][0]["pupil"]["id"] for match in shown["matches"]}
    claims = [{"claim": claim, "pick": {"pupil": pupil}} for claim, pupil in picks.items()]
    decide(reference, "approve", {"claims": claims, "checks": checks})
for reference, action in zip(references[3:], ["deny", "duplicate", "bogus", "ask"]):
    decide(reference, action, {"reason": "example"})

# A cycle that did something, so that one can be shown with results.
cycle = staff("POST", "/cycles", {"action": "cycle"})["id"]
until = time.monotonic() + 60
while staff("GET", f"/cycles/{cycle}")["state"] in ("queued", "running"):
    if time.monotonic() > until:
        sys.exit("prepare.py: the cycle did not end")
    time.sleep(0.2)

requests = staff("GET", "/requests?limit=100")["items"]
links = staff("GET", "/links")["items"]
if len(requests) != 11 or not links:
    sys.exit(f"prepare.py: {len(requests)} requests and {len(links)} links; something was not kept")
words("requests", [request["id"] for request in requests] + [request["reference"] for request in requests])
words("claims", [child["claim"] for request in requests for child in request["children"]])
words("cycles", [cycle["id"] for cycle in staff("GET", "/cycles")["items"]])
words("adults", {link["adult"] for link in links} | {"adult0@example.org", "adult9@example.org"})
words("adult-ids", {link["adult"] for link in links})
words("pupils", {str(link["pupil"]) for link in links} | {pupils[0]["admission_number"]})
words("pupil-ids", {link["pupil"] for link in links})
words("usernames", [row["username"] for row in staff("GET", "/login-rows")["items"]])
