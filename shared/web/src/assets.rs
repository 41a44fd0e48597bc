//! Style sheet, scripts and icons: embedded in the program by `build.rs`, served under names with their hash.
//!
//! They are part of the program, so that a page and its style sheet are always of the same release. What does not live
//! here: the files themselves; they are in `assets/`, and `assets/NOTICE.md` says where those of others come from.

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use crate::Problem;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// For a name that changes with its content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For the answer to a name of another release: the right one may be another file.
const NOT_AT_ALL: HeaderValue = HeaderValue::from_static("no-store");

/// One embedded file.
#[derive(Debug)]
struct Asset {
    stem: &'static str,
    hash: &'static str,
    extension: &'static str,
    media_type: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
}

/// The routes of all embedded files: `/assets/{name}`.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some((asset, hash)) = find(&name) else {
        return Problem::not_found("there is nothing at this address").into_response();
    };
    // A page of the release before still asks by the old name: today's file serves it better than none.
    let keep = if hash == asset.hash { FOR_EVER } else { NOT_AT_ALL };
    let mut response = if takes_brotli(&headers) {
        ([(header::CONTENT_ENCODING, HeaderValue::from_static("br"))], asset.brotli).into_response()
    } else {
        asset.plain.into_response()
    };
    let set = response.headers_mut();
    set.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    set.insert(header::CACHE_CONTROL, keep);
    set.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

/// The file that a name is about, and the hash that the name holds.
fn find(name: &str) -> Option<(&'static Asset, &str)> {
    let (stem, rest) = name.split_once('.')?;
    let (hash, extension) = rest.split_once('.')?;
    let asset = ASSETS.iter().find(|asset| asset.stem == stem && asset.extension == extension)?;
    Some((asset, hash))
}

/// Whether the client takes brotli: it names it and does not give it the weight 0.
fn takes_brotli(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("br") && !refused
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::ASSETS;

    #[test]
    fn the_packed_copy_is_the_same_file() {
        for asset in &ASSETS {
            let mut plain = Vec::new();
            brotli::Decompressor::new(asset.brotli, 4096).read_to_end(&mut plain).unwrap();
            assert!(plain == asset.plain, "{}.{}", asset.stem, asset.extension);
            assert!(asset.brotli.len() < asset.plain.len());
        }
    }
}
