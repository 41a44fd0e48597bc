//! Signing in to a database of RDS (or its proxy) with a token instead of a password.
//!
//! The token is a request that was signed and never sent: whoever may connect as that user may sign it. Nothing is asked of
//! AWS for it but, now and then, credentials.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::ProvideCredentials as _};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use kinlink_config::DatabaseUrl;
use kinlink_db::Engine;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::SecretString;
use url::Url;

/// How long AWS takes a token for good; it knows no longer ones.
const VALID: Duration = Duration::from_mins(15);
/// When a new one is signed. Less than [`VALID`]: clocks differ.
pub(crate) const RENEWED_AFTER: Duration = Duration::from_mins(10);

/// The URL with a token of this moment as its password.
///
/// # Errors
/// In words: no region or no credentials, or a URL without a server.
pub(crate) async fn url_with_token(url: &DatabaseUrl, settings: &SdkConfig) -> Result<SecretString, String> {
    let region = settings.region().ok_or("AWS tokens need a region; set AWS_REGION")?;
    let provider = settings.credentials_provider().ok_or("AWS tokens need credentials, and there are none")?;
    let credentials = provider
        .provide_credentials()
        .await
        .map_err(|_| "AWS tokens need credentials, and they cannot be had; check the function's role")?;
    signed(url, region.as_ref(), &credentials, SystemTime::now())
        .ok_or_else(|| "AWS tokens are for servers: the database's URL needs a host and a user name".to_owned())
}

fn signed(url: &DatabaseUrl, region: &str, credentials: &Credentials, at: SystemTime) -> Option<SecretString> {
    let usual_port = match url.engine() {
        Engine::Sqlite => return None,
        Engine::MySql => 3306,
        Engine::Postgres => 5432,
    };
    let mut url = Url::parse(url.expose()).ok()?;
    let user = percent_decode_str(url.username()).decode_utf8().ok()?.into_owned();
    if user.is_empty() {
        return None;
    }
    let token = token(url.host_str()?, url.port().unwrap_or(usual_port), &user, region, credentials, at)?;
    url.set_password(Some(&utf8_percent_encode(&token, NON_ALPHANUMERIC).to_string())).ok()?;
    Some(String::from(url).into())
}

fn token(host: &str, port: u16, user: &str, region: &str, credentials: &Credentials, at: SystemTime) -> Option<String> {
    let mut request = Url::parse(&format!("https://{host}:{port}/")).ok()?;
    request.query_pairs_mut().append_pair("Action", "connect").append_pair("DBUser", user);
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(VALID);
    settings.signature_location = SignatureLocation::QueryParams;
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(at)
        .settings(settings)
        .build()
        .ok()?;
    let signable = SignableRequest::new("GET", request.as_str(), std::iter::empty(), SignableBody::Bytes(&[])).ok()?;
    let (instructions, _) = sign(signable, &parameters.into()).ok()?.into_parts();
    for (name, value) in instructions.params() {
        request.query_pairs_mut().append_pair(name, value);
    }
    String::from(request).strip_prefix("https://").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_credential_types::Credentials;
    use secrecy::ExposeSecret as _;
    use url::Url;

    use super::{signed, token};

    fn credentials(session: Option<&str>) -> Credentials {
        Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session.map(str::to_owned),
            None,
            "test",
        )
    }

    fn moment() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000)
    }

    /// The signatures are what botocore's `generate_db_auth_token` gave for this moment.
    #[test]
    fn a_token_is_the_one_that_the_aws_sdk_for_python_signs() {
        let token = |session| {
            let host = "db.abc.eu-west-1.rds.amazonaws.com";
            token(host, 5432, "kin@link", "eu-west-1", &credentials(session), moment()).unwrap()
        };
        for (session, signature) in [
            (None, "7b8983f240deba45a21e97a59fce3b9983adeae04cb4dd86c7e27fba168508e0"),
            (Some("FwoGZXIvYXdzEXAMPLE/+=="), "6f6eaafdd1bafa59fbd383d52bd8e6d42c3d339520708a0fbdac78f2800c13fc"),
        ] {
            let token = token(session);
            assert!(
                token.starts_with("db.abc.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=kin%40link&"),
                "{token}"
            );
            assert!(
                token.contains("X-Amz-Expires=900") && token.contains(&format!("X-Amz-Signature={signature}")),
                "{token}"
            );
            assert_eq!(
                token.contains("X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%2F%2B%3D%3D"),
                session.is_some(),
                "{token}"
            );
        }
    }

    #[test]
    fn a_token_stands_in_the_url_as_its_password() {
        let url = "mysql://kinlink@db.example.org/kinlink?ssl-mode=VERIFY_IDENTITY".parse().unwrap();
        let signed = signed(&url, "eu-west-1", &credentials(None), moment()).unwrap();
        let url = Url::parse(signed.expose_secret()).unwrap();
        let password = percent_encoding::percent_decode_str(url.password().unwrap()).decode_utf8().unwrap();
        assert!(password.starts_with("db.example.org:3306/?Action=connect&DBUser=kinlink&X-Amz-"), "{password}");
        assert_eq!((url.path(), url.query()), ("/kinlink", Some("ssl-mode=VERIFY_IDENTITY")));
        for without in ["sqlite:kinlink.db", "postgres:///kinlink?host=/run", "mysql://db.example.org/kinlink"] {
            let url = without.parse().unwrap();
            assert!(super::signed(&url, "eu-west-1", &credentials(None), moment()).is_none(), "{without}");
        }
    }
}
