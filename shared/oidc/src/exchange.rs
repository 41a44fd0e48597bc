//! The code for tokens, and more about somebody where the token says too little.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Client, StatusCode, header};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded::byte_serialize};

use crate::{OidcError, Settings, discovery::Metadata, http};

const TOKENS: &str = "token endpoint";
const USER_INFO: &str = "user info endpoint";

/// What the provider gives for a code. Never printed.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) id_token: String,
    pub(crate) access_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

pub(crate) async fn tokens(
    client: &Client,
    settings: &Settings,
    metadata: &Metadata,
    code: &str,
    verifier: &str,
) -> Result<Tokens, OidcError> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", settings.redirect_uri.as_str()),
        ("code_verifier", verifier),
    ];
    let mut request = client.post(metadata.token_endpoint.clone()).header(header::ACCEPT, "application/json");
    let secret = settings.client_secret.expose_secret();
    // The header is what every provider has to take, unless it says that it does not.
    let methods = &metadata.token_endpoint_auth_methods_supported;
    if methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic") {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = STANDARD.encode(format!("{}:{}", encoded(&settings.client_id), encoded(secret)));
        request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
    } else {
        form.extend([("client_id", settings.client_id.as_str()), ("client_secret", secret)]);
    }
    let (status, body) = http::send(request.form(&form), TOKENS).await?;
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|_| OidcError::Unreadable { what: TOKENS });
    }
    match serde_json::from_slice::<Refusal>(&body) {
        Ok(Refusal { error }) if status.is_client_error() && is_code(&error) => Err(OidcError::Refused(error)),
        _ => Err(OidcError::Status { what: TOKENS, status: status.as_u16() }),
    }
}

/// What the provider says of whom the token belongs to.
pub(crate) async fn more(client: &Client, endpoint: &Url, token: &str) -> Result<Map<String, Value>, OidcError> {
    let request = client.get(endpoint.clone()).bearer_auth(token);
    http::json(request.header(header::ACCEPT, "application/json"), USER_INFO).await
}

/// Whether a text is an error code of the protocol: then it can stand in a log.
fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}
