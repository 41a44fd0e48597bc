//! A provider that says whatever a test wants.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use kinlink_oidc::{Identity, Marks, OidcError, Provider, Settings};
use serde_json::{Map, Value, json};

pub(crate) const CLIENT: &str = "kinlink";
pub(crate) const SECRET: &str = "a secret: with %, & and ü";
pub(crate) const MARKS: Marks<'static> =
    Marks { state: "the state", nonce: "the nonce", verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" };

/// The moment it is in these tests.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_788_422_400).unwrap()
}

pub(crate) fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// A key of the provider's.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    secret: EncodingKey,
}

impl Key {
    pub(crate) fn new(id: &str) -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        Self { id: id.to_owned(), secret: EncodingKey::from_ec_der(document.as_ref()) }
    }

    /// As the provider publishes it.
    pub(crate) fn published(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.secret, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(self.id.clone());
        serde_json::to_value(jwk).unwrap()
    }

    pub(crate) fn header(&self) -> Header {
        Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::ES256) }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    pub(crate) fn sign_with(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.secret).unwrap()
    }
}

/// What the provider says, by path: status and body.
type Answers = BTreeMap<&'static str, (u16, String)>;

struct Said {
    answers: Answers,
    /// What it was asked, in order: path, headers, body.
    asked: Vec<(String, HeaderMap, String)>,
}

/// The provider, and ourselves before it.
pub(crate) struct Liar {
    pub(crate) issuer: String,
    pub(crate) provider: Provider,
    pub(crate) key: Key,
    said: Arc<Mutex<Said>>,
}

pub(crate) const CONFIGURATION: &str = "/.well-known/openid-configuration";

impl Liar {
    /// One that does not lie yet.
    pub(crate) async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::new(Mutex::new(Said { answers: Answers::new(), asked: Vec::new() }));
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&said));
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let key = Key::new("first");
        let liar = Self { provider: provider(&issuer), issuer, key, said };
        liar.says(CONFIGURATION, &liar.configuration());
        liar.says("/keys", &json!({ "keys": [liar.key.published()] }));
        liar.gives(&liar.key.sign(&liar.claims()));
        liar
    }

    pub(crate) fn configuration(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.issuer, "authorization_endpoint": at("/authorize?tenant=1"), "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"), "end_session_endpoint": at("/end"),
        })
    }

    /// The configuration with one thing changed; `null` leaves it out.
    pub(crate) fn configures(&self, name: &str, value: Value) {
        self.says(CONFIGURATION, &changed(&self.configuration(), name, value));
    }

    /// Claims that are to be believed.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.issuer, "sub": "s-1", "aud": CLIENT, "exp": later(300).as_second(), "iat": now().as_second(),
            "nonce": MARKS.nonce, "auth_time": later(-10).as_second(), "name": "Jo Bell", "email": "jo@example.org",
            "roles": ["it"],
        })
    }

    pub(crate) fn says(&self, path: &'static str, body: &Value) {
        self.answers(path, 200, &body.to_string());
    }

    pub(crate) fn answers(&self, path: &'static str, status: u16, body: &str) {
        self.said.lock().unwrap().answers.insert(path, (status, body.to_owned()));
    }

    /// Gives this ID token for the next codes.
    pub(crate) fn gives(&self, id_token: &str) {
        self.says("/token", &json!({ "access_token": "access", "token_type": "Bearer", "id_token": id_token }));
    }

    pub(crate) fn publishes(&self, keys: &[&Key]) {
        self.says("/keys", &json!({ "keys": keys.iter().map(|key| key.published()).collect::<Vec<_>>() }));
    }

    /// How often it was asked for a path.
    pub(crate) fn times_asked(&self, path: &str) -> usize {
        self.said.lock().unwrap().asked.iter().filter(|(asked, ..)| asked == path).count()
    }

    /// Headers and body of the last question to a path.
    pub(crate) fn last_asked(&self, path: &str) -> (HeaderMap, String) {
        let said = self.said.lock().unwrap();
        let (_, headers, body) = said.asked.iter().rev().find(|(asked, ..)| asked == path).unwrap();
        (headers.clone(), body.clone())
    }

    /// Who came back with a code.
    pub(crate) async fn identify(&self) -> Result<Identity, OidcError> {
        self.provider.identify(now(), "a code", None, MARKS).await
    }

    pub(crate) async fn identify_by(&self, id_token: &str) -> Result<Identity, OidcError> {
        self.gives(id_token);
        self.identify().await
    }
}

/// We, as a client of the provider with this name.
pub(crate) fn provider(issuer: &str) -> Provider {
    let settings = Settings {
        issuer: issuer.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: SECRET.to_owned().into(),
        scopes: "openid profile".to_owned(),
        role_claim: "roles".to_owned(),
        redirect_uri: "https://kinlink.test/admin/sign-in/callback".parse().unwrap(),
    };
    Provider::new(settings)
}

/// Claims or a configuration with one thing changed; `null` leaves it out.
pub(crate) fn changed(object: &Value, name: &str, value: Value) -> Value {
    let mut object: Map<String, Value> = object.as_object().unwrap().clone();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

async fn answer(State(said): State<Arc<Mutex<Said>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut said = said.lock().unwrap();
    said.asked.push((uri.path().to_owned(), headers, String::from_utf8(body.to_vec()).unwrap()));
    match said.answers.get(uri.path()) {
        Some((status, body)) => {
            let status = StatusCode::from_u16(*status).unwrap();
            // Where a redirect would lead, if it were followed.
            (status, [(header::CONTENT_TYPE, "application/json"), (header::LOCATION, "/keys")], body.clone())
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
