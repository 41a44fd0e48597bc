//! The one way out. A provider's address comes from settings or from the provider itself: nothing is followed further, and
//! neither slow nor endless answers hold anything up.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode, redirect::Policy};
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::OidcError;

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes; the key sets of the largest providers are a tenth of it.
const MOST: usize = 256 * 1024;

pub(crate) fn client() -> Result<Client, OidcError> {
    let client = Client::builder().redirect(Policy::none()).connect_timeout(CONNECT).timeout(WHOLE);
    client.build().map_err(|error| OidcError::Client(error.to_string()))
}

/// Sends a request to `what`; gives the status and the body.
pub(crate) async fn send(request: RequestBuilder, what: &'static str) -> Result<(StatusCode, Vec<u8>), OidcError> {
    let mut response = request.send().await.map_err(|error| unreachable(&error, what))?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error, what))? {
        if body.len() + chunk.len() > MOST {
            return Err(OidcError::Unreadable { what });
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), body))
}

/// Fetches JSON from `what`.
pub(crate) async fn json<T: DeserializeOwned>(request: RequestBuilder, what: &'static str) -> Result<T, OidcError> {
    let (status, body) = send(request, what).await?;
    if status != StatusCode::OK {
        return Err(OidcError::Status { what, status: status.as_u16() });
    }
    serde_json::from_slice(&body).map_err(|_| OidcError::Unreadable { what })
}

/// The error's own words hold the address, which may hold more than it should.
fn unreachable(error: &reqwest::Error, what: &'static str) -> OidcError {
    let reason = if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    OidcError::Unreachable { what, reason }
}

/// Whether an address is protected: https, or plain on this very machine.
pub(crate) fn is_protected(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}
