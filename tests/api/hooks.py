"""What schemathesis does beyond its own checks. Loaded by schemathesis.toml."""

from urllib.parse import parse_qsl, urlsplit

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Makes fields that the description does not name a fault in answers.

    Callers must ignore such fields, so the description allows them; but if one is sent, the description is not whole.
    """
    for item in raw_schema["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    close(content["schema"])
    for schema in raw_schema["components"]["schemas"].values():
        close_parts(schema)


def close(schema):
    """Closes a schema where it is used: as an answer, in a list, as a field, as a choice."""
    if "$ref" in schema:
        schema["unevaluatedProperties"] = False
    close_parts(schema)


def close_parts(schema):
    for part in schema.get("properties", {}).values():
        close(part)
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            close(schema[keyword])
    for choice in schema.get("oneOf", []):
        close(choice)
    # A part of an `allOf` stays open: the other parts name the rest.
    for part in schema.get("allOf", []):
        close_parts(part)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether a failure counts.

    A query parameter that is blank is as good as missing; the description can only say so in words (utoipa does not know
    `allowEmptyValue`). A parameter that is not described and whose value is an empty list is not sent at all.
    """
    if not isinstance(failure, AcceptedNegativeData):
        return True
    sent = parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True)
    blank = any(value == "" for _, value in sent)
    described = {parameter.name for parameter in case.operation.query}
    not_sent = "`additionalProperties`" in failure.message and {name for name, _ in sent} <= described
    return not (blank or not_sent)
