//! OpenID Connect: sends people to the school's sign-in and checks what it says of them.
//!
//! Authorization code with PKCE, `state` and `nonce`, as a confidential client. [`Provider`] is all that callers see:
//!
//! - `discovery`: what the provider says of itself, and its keys; kept for an hour.
//! - `exchange`: the code for tokens, and more about somebody where the token says too little.
//! - `token`: whether an ID token is what it should be. Signatures are checked by aws-lc, as everything here.
//! - `claims`: names, addresses and roles in what the provider says.
//! - `http`: the one way out: no redirects, limits on time and size.
//!
//! What does not live here: sessions, cookies, pages, and which roles mean what. Time comes from the caller.

mod claims;
mod discovery;
mod error;
mod exchange;
mod http;
mod token;

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use url::Url;

pub use claims::Identity;
pub use error::{Fault, OidcError};

use self::discovery::Known;

/// How we stand with the provider.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// What we prove ourselves with.
    pub client_secret: SecretString,
    /// What we ask for, separated by spaces.
    pub scopes: String,
    /// The claim with somebody's roles: its name, or a path into claims.
    pub role_claim: String,
    /// Where people come back to us.
    pub redirect_uri: Url,
}

/// The school's sign-in.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
    /// Made for the first request: making it reads this machine's certificates, and most starts are not for a sign-in.
    client: OnceLock<reqwest::Client>,
    known: Mutex<Option<Known>>,
}

/// What a sign-in is recognised by, all of it random.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// Comes back with the person.
    pub state: &'a str,
    /// Comes back in the ID token.
    pub nonce: &'a str,
    /// The PKCE verifier, 43 to 128 characters.
    pub verifier: &'a str,
}

impl Provider {
    /// The provider of these settings. Connects to nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, client: OnceLock::new(), known: Mutex::new(None) }
    }

    fn client(&self) -> Result<&reqwest::Client, OidcError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = http::client()?;
        Ok(self.client.get_or_init(|| made))
    }

    /// The provider's name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Where to send somebody. With `again` the provider is to ask them for their proof in any case.
    ///
    /// # Errors
    /// [`OidcError`]: the provider cannot be reached, or is not who it should be.
    pub async fn authorization_url(&self, now: Timestamp, marks: Marks<'_>, again: bool) -> Result<Url, OidcError> {
        let metadata = self.metadata(now).await?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(marks.verifier));
        let mut url = metadata.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", self.settings.redirect_uri.as_str())
            .append_pair("scope", &self.settings.scopes)
            .append_pair("state", marks.state)
            .append_pair("nonce", marks.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if again {
            url.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", "0");
        }
        Ok(url)
    }

    /// Who came back with this code. `issuer` is the parameter `iss` that came with it, if one did (RFC 9207).
    ///
    /// # Errors
    /// [`OidcError`]: the provider cannot be reached, refuses the code, or says what must not be believed.
    pub async fn identify(
        &self,
        now: Timestamp,
        code: &str,
        issuer: Option<&str>,
        marks: Marks<'_>,
    ) -> Result<Identity, OidcError> {
        let metadata = self.metadata(now).await?;
        let names_itself = metadata.authorization_response_iss_parameter_supported;
        if issuer.map_or(names_itself, |issuer| issuer != self.settings.issuer) {
            return Err(OidcError::Untrusted(Fault::AnswerIssuer));
        }
        let tokens = exchange::tokens(self.client()?, &self.settings, &metadata, code, marks.verifier).await?;
        let expected = token::Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: marks.nonce,
            now,
        };
        let kid = token::key_id(&tokens.id_token)?;
        let keys = self.keys(now, kid.as_deref()).await?;
        let checked = token::check(&tokens.id_token, &keys, &expected)?;
        let mut identity = Identity::read(&checked, &self.settings.role_claim, tokens.id_token);
        // Many providers put into the ID token only who somebody is, and tell the rest when they are asked.
        if let Some(endpoint) = &metadata.userinfo_endpoint
            && (identity.roles.is_none() || identity.name.is_none())
        {
            let more = exchange::more(self.client()?, endpoint, &tokens.access_token).await?;
            identity.add(&more, &self.settings.role_claim)?;
        }
        Ok(identity)
    }

    /// Where to send somebody who signs out, if the provider wants to know. They come back to `return_to`.
    ///
    /// # Errors
    /// [`OidcError`]: the provider cannot be reached, or is not who it should be.
    pub async fn end_session_url(
        &self,
        now: Timestamp,
        id_token: &str,
        return_to: &Url,
    ) -> Result<Option<Url>, OidcError> {
        let metadata = self.metadata(now).await?;
        Ok(metadata.end_session_endpoint.map(|mut url| {
            url.query_pairs_mut()
                .append_pair("id_token_hint", id_token)
                .append_pair("client_id", &self.settings.client_id)
                .append_pair("post_logout_redirect_uri", return_to.as_str());
            url
        }))
    }
}
