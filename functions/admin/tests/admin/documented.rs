//! What the API refuses, against its description: every code that an endpoint answered with in any of these tests stands in
//! the description of that endpoint, and every code that use cases refuse with stands in it somewhere.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use axum::{extract::Request, http::StatusCode, middleware::Next, response::Response};
use kinlink_web::Problem;
use serde_json::{Value, json};

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| json!(kinlink_admin::openapi()));

/// Codes that no endpoint answers with: they belong to pages, to signing in, or to cycles.
const ELSEWHERE: [&str; 13] = [
    "in_force",
    "lease_lost",
    "link_over",
    "login_rows_braked",
    "moodle_unknown",
    "not_open",
    "nothing_to_link",
    "other_child",
    "same_pupil",
    "sign_in_over",
    "source_shrank",
    "takes_away",
    "wrong_action",
];

/// Around a router: fails where it refuses with a code that the endpoint's description does not name.
pub(crate) async fn documented(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().as_str().to_lowercase(), request.uri().path().to_owned());
    let response = next.run(request).await;
    if let Some(problem) = response.extensions().get::<Problem>()
        && problem.status == StatusCode::CONFLICT
        && let Some(described) = described(&method, &path)
    {
        let code = problem.code;
        assert!(
            described.contains(&format!("`{code}`")),
            "{method} {path} refuses with {code}, which its description does not name: {described}"
        );
    }
    response
}

/// What is said of the refusals of the endpoint that has this path.
fn described(method: &str, path: &str) -> Option<String> {
    let is_of = |template: &str| {
        let (template, path) = (template.split('/').collect::<Vec<_>>(), path.split('/').collect::<Vec<_>>());
        template.len() == path.len()
            && template.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
    };
    let paths = DESCRIPTION["paths"].as_object()?;
    // What is written out goes before what stands for anything.
    let found = paths.iter().filter(|(template, _)| is_of(template)).min_by_key(|(name, _)| name.matches('{').count());
    let operation = found?.1.get(method)?;
    Some(operation["responses"]["409"]["description"].as_str().unwrap_or_default().to_owned())
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_code_that_use_cases_refuse_with_is_described() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/service/src");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    let mut codes = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        for begin in ["refused(", "Refused {"] {
            for rest in text.split(begin).skip(1) {
                let rest = rest.trim_start();
                let rest = rest.strip_prefix("code:").unwrap_or(rest).trim_start();
                if let Some((code, _)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                    codes.insert(code.to_owned());
                }
            }
        }
    }
    assert!(codes.len() > 25, "the sources do not say any more what is refused: {codes:?}");
    let description = DESCRIPTION.to_string();
    let missing: Vec<_> = codes
        .iter()
        .filter(|code| !ELSEWHERE.contains(&code.as_str()) && !description.contains(&format!("`{code}`")))
        .collect();
    assert!(missing.is_empty(), "name these where their endpoints are described, or in ELSEWHERE: {missing:?}");
    let gone: Vec<_> = ELSEWHERE.iter().filter(|code| !codes.contains(**code)).collect();
    assert!(gone.is_empty(), "nothing refuses with these any more: {gone:?}");
}
