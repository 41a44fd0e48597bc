//! Events as AWS sends them, from the recorded shapes in `events/`, and the answers of HTTP functions as a gateway reads them.
//!
//! A recorded shape is taken whole; path, method, headers, cookies and body are set in every place where AWS repeats them.

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::sandbox::Answer;

/// The event of a schedule or of a person, by the name of its file in `events/` without `.json`.
///
/// # Panics
/// There is no such file.
#[must_use]
pub fn recorded(name: &str) -> Value {
    let text = match name {
        "schedule-cycle" => include_str!("../events/schedule-cycle.json"),
        "schedule-reconcile" => include_str!("../events/schedule-reconcile.json"),
        "schedule-tidy" => include_str!("../events/schedule-tidy.json"),
        "manual-retry" => include_str!("../events/manual-retry.json"),
        "manual-doctor" => include_str!("../events/manual-doctor.json"),
        "manual-migrate" => include_str!("../events/manual-migrate.json"),
        "api-gateway-get" => include_str!("../events/api-gateway-get.json"),
        "api-gateway-post-form" => include_str!("../events/api-gateway-post-form.json"),
        "api-gateway-post-json" => include_str!("../events/api-gateway-post-json.json"),
        "api-gateway-multi-value" => include_str!("../events/api-gateway-multi-value.json"),
        "function-url-get" => include_str!("../events/function-url-get.json"),
        "function-url-post-form" => include_str!("../events/function-url-post-form.json"),
        other => panic!("there is no recorded event {other}"),
    };
    serde_json::from_str(text).expect("a recorded event in JSON")
}

/// What stands before a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// An HTTP API of API Gateway.
    ApiGateway,
    /// The function's own URL.
    FunctionUrl,
}

/// A request to an HTTP function.
#[derive(Debug, Clone)]
pub struct HttpEvent(Value);

impl HttpEvent {
    /// GET of a path, with its query if it has one.
    #[must_use]
    pub fn get(front: Front, path: &str) -> Self {
        let shape = if front == Front::ApiGateway { "api-gateway-get" } else { "function-url-get" };
        Self(recorded(shape)).at("GET", path)
    }

    /// A form that a page sent. AWS encodes such bodies.
    #[must_use]
    pub fn post_form(front: Front, path: &str, fields: &[(&str, &str)]) -> Self {
        let shape = if front == Front::ApiGateway { "api-gateway-post-form" } else { "function-url-post-form" };
        let body = serde_urlencoded::to_string(fields).expect("pairs of texts");
        let mut event = Self(recorded(shape)).at("POST", path);
        event.0["body"] = json!(STANDARD.encode(&body));
        event.header("content-length", &body.len().to_string())
    }

    /// JSON by some method.
    #[must_use]
    pub fn json_body(method: &str, path: &str, body: &Value) -> Self {
        let mut event = Self(recorded("api-gateway-post-json")).at(method, path);
        let body = body.to_string();
        let length = body.len().to_string();
        event.0["body"] = json!(body);
        event.header("content-length", &length)
    }

    fn at(mut self, method: &str, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.0["rawPath"] = json!(path);
        self.0["rawQueryString"] = json!(query);
        self.0["requestContext"]["http"]["path"] = json!(path);
        self.0["requestContext"]["http"]["method"] = json!(method);
        if !query.is_empty() {
            let mut parameters = Map::new();
            let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).expect("a query");
            for (name, value) in pairs {
                // AWS joins the values of a name with commas.
                let joined = match parameters.get(&name).and_then(Value::as_str) {
                    Some(before) => format!("{before},{value}"),
                    None => value,
                };
                parameters.insert(name, json!(joined));
            }
            self.0["queryStringParameters"] = Value::Object(parameters);
        }
        self
    }

    /// The same with a header; names are lower case, as on AWS.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = json!(value);
        self
    }

    /// The same with a cookie.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Self {
        if self.0.get("cookies").is_none() {
            self.0["cookies"] = json!([]);
        }
        let cookies = self.0["cookies"].as_array_mut().expect("a list of cookies");
        cookies.push(json!(cookie));
        let all: Vec<&str> = cookies.iter().filter_map(Value::as_str).collect();
        let header = all.join("; ");
        // A function URL also leaves them in the headers.
        if self.0["requestContext"]["domainName"].as_str().is_some_and(|name| name.contains("lambda-url")) {
            return self.header("cookie", &header);
        }
        self
    }

    /// The same from another address.
    #[must_use]
    pub fn from_address(mut self, address: &str) -> Self {
        self.0["requestContext"]["http"]["sourceIp"] = json!(address);
        self.header("x-forwarded-for", address)
    }

    /// The event.
    #[must_use]
    pub fn json(&self) -> Value {
        self.0.clone()
    }
}

/// An answer as a gateway sends it on.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers, their names in lower case; cookies are apart.
    pub headers: Vec<(String, String)>,
    /// The cookies that it sets.
    pub cookies: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// Reads what a function answered.
    ///
    /// # Errors
    /// It failed, crashed or took too long, or said what no gateway takes.
    pub fn read(answer: &Answer) -> Result<Self> {
        let Answer::Response(bytes) = answer else { bail!("no response but {answer:?}") };
        let value: Value = serde_json::from_slice(bytes).context("a response in JSON")?;
        let status = value["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in value["headers"].as_object().into_iter().flatten() {
            headers.push((name.to_lowercase(), value.as_str().context("a header")?.to_owned()));
        }
        let body = value["body"].as_str().unwrap_or_default();
        let body = if value["isBase64Encoded"] == json!(true) { STANDARD.decode(body)? } else { body.into() };
        Ok(Self { status: status.context("a status")?, headers, cookies: texts(&value["cookies"]), body })
    }

    /// A header, empty when it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// Fails unless the status is this one; gives the answer back.
    ///
    /// # Panics
    /// The status is another one.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The value of the first field of a page with this name.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let text = self.text();
        let start = format!("name=\"{name}\" value=\"");
        let found = text.split_once(&start).and_then(|(_, rest)| rest.split_once('"'));
        found.unwrap_or_else(|| panic!("the page has no field {name}: {text}")).0.to_owned()
    }
}
