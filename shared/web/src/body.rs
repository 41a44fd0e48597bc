//! Reading bodies: size, media type, and JSON whose faults name the field by its JSON pointer.

use axum::{
    body::Bytes,
    extract::{
        DefaultBodyLimit, FromRequest, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::{FieldFault, Problem, objects::ObjectsOnly};

/// Most bytes of a body, unless a route says otherwise.
pub const LIMIT: usize = 32 * 1024;

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// 413 `too_large`; 400 `unreadable` when the transfer broke off.
pub async fn read(mut request: Request, limit: usize) -> Result<Bytes, Problem> {
    DefaultBodyLimit::max(limit).apply(&mut request);
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            let detail = format!("send at most {limit} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large", detail)
        }
        _ => Problem::new(StatusCode::BAD_REQUEST, "unreadable", "The body cannot be read", "send it again"),
    })
}

/// The media type of a body, in lower case and without parameters; empty when none is given.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type is JSON.
#[must_use]
pub fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// A body of a media type that the route does not take.
#[must_use]
pub fn wrong_media_type(wanted: &str) -> Problem {
    let detail = format!("send the body as {wanted}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unknown kind of body", detail)
}

/// Text that is not JSON at all.
#[must_use]
pub fn bad_json(error: &serde_json::Error) -> Problem {
    let detail = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
    Problem::new(StatusCode::BAD_REQUEST, "bad_json", "Not JSON", detail)
}

/// Reads JSON.
///
/// # Errors
/// 400 `bad_json` with line and column when it is not JSON; 422 `invalid_fields` with the pointer of the first field that
/// does not fit.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed =
        serde_path_to_error::deserialize(ObjectsOnly(&mut json)).map_err(|error| match error.inner().classify() {
            Category::Data => Problem::invalid_fields(vec![fault(error.path(), error.inner())]),
            Category::Syntax | Category::Eof | Category::Io => bad_json(error.inner()),
        })?;
    json.end().map_err(|error| bad_json(&error))?;
    Ok(parsed)
}

/// The fault that serde found: which field, and what was expected there. What was found there instead is left out.
fn fault(path: &Path, error: &serde_json::Error) -> FieldFault {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&position).unwrap_or(&message);
    let named = |prefix: &str| message.strip_prefix(prefix)?.split('`').next();
    let pointer = pointer(path);
    if let Some(field) = named("missing field `") {
        return FieldFault::field(format!("{pointer}/{}", token(field)), "required", "this field must be there");
    }
    if let Some(field) = named("duplicate field `") {
        return FieldFault::field(format!("{pointer}/{}", token(field)), "duplicate", "name this field once");
    }
    if message.starts_with("unknown field `") {
        return FieldFault::field(pointer, "unknown_field", "there is no such field here");
    }
    // The last one is serde's: what was found comes before it, and may hold these words itself.
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => FieldFault::field(pointer, "invalid", format!("expected {expected}")),
        None => FieldFault::field(pointer, "invalid", message.to_owned()),
    }
}

fn pointer(path: &Path) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", token(key)),
            Segment::Enum { variant } => format!("/{}", token(variant)),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// A name as part of a JSON pointer.
#[must_use]
pub fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A JSON body of at most `LIMIT` bytes; as a response, JSON.
#[derive(Debug, Clone, Copy)]
pub struct Json<T, const LIMIT: usize = { self::LIMIT }>(pub T);

impl<T: DeserializeOwned, S: Sync, const LIMIT: usize> FromRequest<S> for Json<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let json = is_json(&media_type(request.headers()));
        let bytes = read(request, LIMIT).await?;
        if json { parse(&bytes).map(Self) } else { Err(wrong_media_type("application/json")) }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], bytes).into_response(),
            Err(error) => Problem::internal(format!("an answer cannot be written as JSON: {error}")).into_response(),
        }
    }
}

/// A JSON body that may be missing altogether, or `null`: then it is the default.
#[derive(Debug, Clone, Copy)]
pub struct MaybeJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let json = is_json(&media_type(request.headers()));
        let bytes = read(request, LIMIT).await?;
        match (bytes.is_empty(), json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => parse::<Option<T>>(&bytes).map(|body| Self(body.unwrap_or_default())),
            (false, false) => Err(wrong_media_type("application/json")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::parse;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading is tested")]
    struct Outer {
        flag: bool,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading is tested")]
    struct Inner {
        name: String,
        #[serde(default)]
        choice: Choice,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only reading is tested")]
    enum Choice {
        #[default]
        None,
        Number(i64),
    }

    #[test]
    fn each_fault_names_its_field_and_never_the_value() {
        for (json, pointer, code) in [
            (r#"{"flag":"secret"}"#, "/flag", "invalid"),
            (r#"{"flag":"x, expected secret"}"#, "/flag", "invalid"),
            (r"{}", "/flag", "required"),
            (r#"{"flag":true,"secret/~x":1}"#, "/secret~1~0x", "unknown_field"),
            (r#"{"flag":true,"flag":true}"#, "/flag", "duplicate"),
            (r#"{"flag":true,"list":[{"name":"a"},{"name":7}]}"#, "/list/1/name", "invalid"),
            (r#"{"flag":true,"list":[{}]}"#, "/list/0/name", "required"),
            (r#"{"flag":true,"list":[{"name":"a","nme":"secret"}]}"#, "/list/0/nme", "unknown_field"),
            (r#"{"flag":true,"list":[{"name":"a","choice":{"number":"secret"}}]}"#, "/list/0/choice/number", "invalid"),
            (r#"{"flag":true,"list":[{"name":"a","choice":"secret"}]}"#, "/list/0/choice", "invalid"),
            (r#"{"flag":true,"list":"secret"}"#, "/list", "invalid"),
            (r#""secret""#, "", "invalid"),
            (r#"[true,[{"name":"secret"}]]"#, "", "invalid"),
            (r#"{"flag":true,"list":[["secret"]]}"#, "/list/0", "invalid"),
        ] {
            let problem = parse::<Outer>(json.as_bytes()).unwrap_err();
            assert_eq!((problem.status.as_u16(), problem.code), (422, "invalid_fields"), "{json}");
            let fault = &problem.errors[0];
            assert_eq!((fault.pointer.as_deref(), &*fault.code), (Some(pointer), code), "{json}: {}", fault.detail);
            assert!(!fault.detail.contains("secret"), "{json}: {}", fault.detail);
        }
    }

    #[test]
    fn what_is_not_json_says_where() {
        for (json, place) in [
            (&b"{\"flag\":\n tru }"[..], "line 2, column 5"),
            (b"", "line 1, column 0"),
            (b"{\"flag\":true} x", "line 1, column 15"),
            (b"{\"flag\":true,\"list\":[{\"name\":\"\xff\"}]}", "line 1"),
            (br#"{"flag":true,"list":[{"name":"\ud800"}]}"#, "line 1"),
        ] {
            let problem = parse::<Outer>(json).unwrap_err();
            assert_eq!((problem.status.as_u16(), problem.code), (400, "bad_json"), "{}", String::from_utf8_lossy(json));
            assert!(problem.detail.contains(place), "{}", problem.detail);
        }
    }
}
