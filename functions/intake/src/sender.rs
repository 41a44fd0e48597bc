//! Who sends a submission, and by which key it is the same as an earlier one.

use std::net::IpAddr;

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderMap, HeaderName, StatusCode, header},
};
use kinlink_service::{
    App, ServiceError,
    access::{self, Signature, Source},
    quota::guessing,
    submit::IdempotencyKey,
};
use kinlink_web::{ClientAddress, Problem, body};
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

/// A submission whose sender is known, its body not read yet.
pub(crate) struct Sent {
    /// Who sent it.
    pub(crate) source: Source,
    /// From where it came, if that is known.
    pub(crate) client: Option<IpAddr>,
    /// The key that makes it the same as an earlier one, if the sender gave one.
    pub(crate) key: Option<IdempotencyKey>,
    /// The media type of the body.
    pub(crate) media_type: String,
    /// The body.
    pub(crate) body: Bytes,
}

/// The headers of a submission beside the key, in descriptions.
pub(crate) struct Headers;

impl IntoParams for Headers {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        [
            (
                "Idempotency-Key",
                Some(r#"^("([!#-\[\]-~]|\\["\\]){1,100}"|[!#-~]{1,200})$"#),
                "The same key with the same body is the same submission: it is stored once. Quoted or not.",
            ),
            ("webhook-id", None, "Of a signed webhook: its id, which is its idempotency key unless one is sent."),
            ("webhook-timestamp", None, "Of a signed webhook: when it was sent, in seconds since 1970."),
            ("x-kinlink-source", None, "Of a signed webhook: the id of the source that signed it."),
        ]
        .map(|(name, pattern, meaning)| {
            let text = ObjectBuilder::new().schema_type(Type::String).pattern(pattern);
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some(meaning))
                .schema(Some(text))
                .build()
        })
        .into()
    }
}

/// Reads a submission as far as all of them are alike: size, sender, key.
pub(crate) async fn receive(app: &App, request: Request) -> Result<Sent, Problem> {
    let headers = request.headers().clone();
    let client = request.extensions().get::<ClientAddress>().map(|client| client.0);
    let body = body::read(request, body::LIMIT).await?;
    let is_wrong = |found: &Result<_, ServiceError>| matches!(found, Err(ServiceError::Unauthorized));
    let (source, webhook_id) = guessing(app, client, Box::pin(source(app, &headers, &body)), is_wrong).await?;
    let key = match idempotency_key(&headers)? {
        Some(key) => Some(key),
        None => webhook_id,
    };
    let key = key.map(|key| IdempotencyKey { key, fingerprint: access::fingerprint(&body) });
    Ok(Sent { source, client, key, media_type: body::media_type(&headers), body })
}

/// The source, by key or by signature. A signed webhook also has an id, which is the same when it is sent again.
async fn source(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<(Source, Option<String>), ServiceError> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || {
        let (scheme, key) = text(header::AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    };
    if let Some(key) = text(HeaderName::from_static("x-api-key")).or_else(bearer) {
        return Ok((access::source_by_key(app, key).await?, None));
    }
    let signature = (|| {
        Some(Signature {
            source: text(HeaderName::from_static("x-kinlink-source"))?,
            id: text(HeaderName::from_static("webhook-id"))?,
            timestamp: text(HeaderName::from_static("webhook-timestamp"))?,
            signatures: text(HeaderName::from_static("webhook-signature"))?,
        })
    })();
    let signature = signature.ok_or(ServiceError::Unauthorized)?;
    Ok((access::source_by_signature(app, signature, body).await?, Some(signature.id.to_owned())))
}

/// The header `Idempotency-Key`: a quoted string (as the Internet draft has it) or the plain key.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").into_iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().ok().and_then(unquoted),
        (Some(_), Some(_)) => None,
    };
    let good = |key: &String| (1..=200).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    value.filter(good).map(Some).ok_or_else(|| {
        let detail = "Idempotency-Key is 1 to 200 visible ASCII characters, quoted or not";
        Problem::new(StatusCode::BAD_REQUEST, "bad_idempotency_key", "Idempotency-Key cannot be read", detail)
    })
}

/// The text of a structured string (RFC 9651), or of a value that is not quoted at all.
fn unquoted(value: &str) -> Option<String> {
    let value = value.trim();
    let Some(rest) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let inner = rest.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => text.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            other => text.push(other),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::idempotency_key;

    #[test]
    fn keys_may_be_quoted_or_not() {
        let long = "k".repeat(200);
        let too_long = "k".repeat(201);
        for (value, expected) in [
            ("abc-1", Some("abc-1")),
            ("\"abc-1\"", Some("abc-1")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            (long.as_str(), Some(long.as_str())),
            (too_long.as_str(), None),
            ("", None),
            ("\"\"", None),
            ("a b", None),
            ("\"a b\"", None),
            ("\"abc", None),
            ("a\"bc", None),
            ("\"a\"b\"", None),
            (r#""a\"#, None),
            (r#""a\b""#, None),
            ("zoë", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", HeaderValue::from_bytes(value.as_bytes()).unwrap());
            let key = idempotency_key(&headers).map(Option::unwrap_or_default);
            let key = key.map_err(|problem| assert_eq!(problem.code, "bad_idempotency_key"));
            assert_eq!(key.as_deref().ok(), expected, "{value}");
            headers.append("idempotency-key", HeaderValue::from_static("other"));
            assert!(idempotency_key(&headers).is_err(), "two keys");
        }
        assert!(idempotency_key(&HeaderMap::new()).unwrap().is_none());
    }
}
