//! The API's description as `OpenAPI`: what all endpoints share in it (how a problem looks, which of them every endpoint
//! answers, who may call), and the route that serves it.
//!
//! Each function describes its own endpoints, beside their handlers. The answer 500 is in no description: it is a fault
//! of ours, never an answer that a caller could expect.

use std::collections::BTreeMap;

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse as _,
    routing::get,
};
use utoipa::{
    IntoResponses, PartialSchema, ToSchema,
    openapi::{
        Components, Header, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response,
        ResponseBuilder,
        content::ContentBuilder,
        schema::{AdditionalProperties, Schema, SchemaType, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{Problem, problem};

/// Where the description is served.
pub const PATH: &str = "/api/v1/openapi.json";
/// The security scheme of staff: a token.
pub const STAFF_TOKEN: &str = "staff_token";
/// The security scheme of forms: their key in a header of its own.
pub const SOURCE_KEY: &str = "source_key";
/// The security scheme of forms: their key as a bearer token.
pub const SOURCE_BEARER: &str = "source_bearer";
/// The security scheme of forms: a signed webhook.
pub const WEBHOOK_SIGNATURE: &str = "webhook_signature";

const INTRODUCTION: &str = "\
Parent accounts for Moodle: the API of forms and the API of staff.

Every error is an RFC 9457 problem with a stable `code`. Every answer carries `x-request-id`, which the log names. Lists \
come in pages: pass `next` back as `cursor`, as it came. A decision needs `If-Match` with the `ETag` that was seen. Of a \
JSON body every field must be known; of a query every parameter; one that is blank is as good as missing.

The pages for people (the forms, the link that proves an address, those of staff) are no part of this description.";

/// The problems that endpoints share: the status, the name in the description, and what it means.
const SHARED: [(StatusCode, &str, &str); 11] = [
    (StatusCode::BAD_REQUEST, "Unreadable", "The body is not JSON, or a header or the cursor cannot be read."),
    (StatusCode::UNAUTHORIZED, "Unauthorized", "The key, token or signature is missing or not valid (any more)."),
    (StatusCode::FORBIDDEN, "Forbidden", "The caller's role does not allow it."),
    (StatusCode::NOT_FOUND, "NotFound", "There is no such thing."),
    (StatusCode::PRECONDITION_FAILED, "Stale", "Somebody changed it since the caller looked."),
    (StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", "The body has too many bytes."),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", "The body is of another media type."),
    (StatusCode::UNPROCESSABLE_ENTITY, "Invalid", "Fields or parameters are wrong: `errors` names each of them."),
    (StatusCode::PRECONDITION_REQUIRED, "PreconditionRequired", "If-Match is missing."),
    (StatusCode::TOO_MANY_REQUESTS, "TooOften", "Too many were sent or tried; nothing was kept of this one."),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "Unavailable",
        "A database cannot be reached, is busy or is not set up for this.",
    ),
];

/// Gives groups of shared problems a name, for the attribute `responses` of an endpoint.
macro_rules! groups {
    ($($(#[$doc:meta])* $name:ident = $statuses:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                references(&$statuses)
            }
        }
    )* };
}

groups! {
    /// An endpoint for callers who must be known, and are not to try too often who they are.
    Known = [401, 429, 503];
    /// An endpoint that reads a query.
    Queried = [422];
    /// An endpoint that reads a JSON body.
    Bodied = [400, 413, 415, 422];
    /// An endpoint that takes `If-Match`.
    Matched = [400, 412, 428];
    /// An endpoint that reads a cursor.
    Paged = [400];
    /// An endpoint that not every role may call.
    Restricted = [403];
    /// An endpoint about one thing.
    Addressed = [404];
}

fn references(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let shared = SHARED.iter().filter(|(status, ..)| statuses.contains(&status.as_u16()));
    shared.map(|(status, name, _)| (status.as_str().to_owned(), Ref::from_response_name(*name).into())).collect()
}

/// Completes the description of a function's endpoints: what they share is added.
#[must_use]
pub fn complete(endpoints: OpenApi) -> OpenApi {
    let mut components = Components::new();
    for (status, name, meaning) in SHARED {
        components.responses.insert(name.to_owned(), shared(status, meaning).into());
    }
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components.security_schemes.extend(security_schemes().map(|(name, scheme)| (name.to_owned(), scheme.into())));
    let license = LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).identifier(Some(env!("CARGO_PKG_LICENSE")));
    let info = InfoBuilder::new()
        .title("Kinlink")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION))
        .license(Some(license.build()));
    let mut complete = OpenApiBuilder::new().info(info.build()).components(Some(components)).build();
    complete.merge(endpoints);
    complete
}

fn shared(status: StatusCode, meaning: &str) -> Response {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let response = ResponseBuilder::new().description(meaning).content(problem::BARE_MEDIA_TYPE, problem);
    let header = |of: Type, meaning: &str| {
        let schema = ObjectBuilder::new().schema_type(SchemaType::new(of));
        Header::builder().schema(Some(schema)).description(Some(meaning)).build()
    };
    match status {
        StatusCode::UNAUTHORIZED => response.header("WWW-Authenticate", header(Type::String, "Always `Bearer`.")),
        StatusCode::SERVICE_UNAVAILABLE => {
            response.header("Retry-After", header(Type::Integer, "Seconds, where waiting may help."))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            response.header("Retry-After", header(Type::Integer, "Seconds after which to try again."))
        }
        _ => response,
    }
    .build()
}

fn security_schemes() -> [(&'static str, SecurityScheme); 4] {
    let bearer = |description: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
        SecurityScheme::Http(scheme.build())
    };
    let header = |name: &str, description: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, description)))
    };
    [
        (STAFF_TOKEN, bearer("A token of a member of staff or of a script: `klt_…`.")),
        (SOURCE_KEY, header("X-API-Key", "The key of a source, which is a form: `kls_…`.")),
        (SOURCE_BEARER, bearer("The key of a source, sent as a bearer token.")),
        (
            WEBHOOK_SIGNATURE,
            header(
                "webhook-signature",
                "A webhook signed as Standard Webhooks has it, with the source's key as secret: `v1,` and the base64 of \
                 the HMAC-SHA256 of `webhook-id`, `webhook-timestamp` and body. `x-kinlink-source` says which source.",
            ),
        ),
    ]
}

/// The route that serves a description. Anybody may read it, and keep it for a few minutes.
pub fn serve(description: fn() -> OpenApi) -> Router {
    let get_it = async move || match description().to_json() {
        Ok(json) => {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
            (headers, json).into_response()
        }
        Err(error) => Problem::internal(format!("the description cannot be written as JSON: {error}")).into_response(),
    };
    Router::new().route(PATH, get(get_it))
}

/// Says that objects have no other fields than those that their schemas name.
pub fn close(description: &mut OpenApi, names: &[&str]) {
    let schemas = description.components.iter_mut().flat_map(|components| &mut components.schemas);
    for (name, schema) in schemas {
        if let RefOr::T(Schema::Object(object)) = schema
            && names.contains(&name.as_str())
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// The endpoints of a description: method and path, in order.
#[must_use]
pub fn endpoints(description: &OpenApi) -> Vec<(&'static str, String)> {
    let mut endpoints = Vec::new();
    for (path, item) in &description.paths.paths {
        let methods = [
            ("DELETE", &item.delete),
            ("GET", &item.get),
            ("PATCH", &item.patch),
            ("POST", &item.post),
            ("PUT", &item.put),
        ];
        endpoints.extend(methods.iter().filter(|(_, there)| there.is_some()).map(|(name, _)| (*name, path.clone())));
    }
    endpoints
}
