//! Fetching what settings refer to in AWS Secrets Manager.

use std::{collections::BTreeMap, error::Error, fmt, time::Duration};

use aws_sdk_secretsmanager::{
    Client,
    config::timeout::TimeoutConfig,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::GetSecretValueError,
};
use futures_util::future::join_all;
use kinlink_config::{ConfigError, ConfigErrors, Needed, Secrets};
use secrecy::SecretString;

use crate::aws::Aws;

/// How long one try may take.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(3);
/// How long all tries may take: Lambda allows a start of ten seconds.
const LIMIT: Duration = Duration::from_secs(8);

/// All of them at once, each secret once.
///
/// # Errors
/// Every setting whose secret cannot be read, with what to do.
pub(crate) async fn fetch_all(aws: &Aws, needed: &[Needed]) -> Result<Secrets, ConfigErrors> {
    if needed.is_empty() {
        return Ok(Secrets::new());
    }
    let mut names: Vec<&str> = needed.iter().map(|needed| needed.reference.secret()).collect();
    names.sort_unstable();
    names.dedup();
    let client = client(aws).await;
    let fetched: BTreeMap<&str, Result<SecretString, String>> =
        join_all(names.iter().map(async |&name| (name, fetch_with(&client, name).await))).await.into_iter().collect();
    let mut secrets = Secrets::new();
    let mut errors = Vec::new();
    for Needed { place, reference } in needed {
        match &fetched[reference.secret()] {
            Ok(content) => {
                secrets.insert(reference.secret().to_owned(), content.clone());
            }
            Err(problem) => errors.push(ConfigError::Reference { place: place.clone(), problem: problem.clone() }),
        }
    }
    if errors.is_empty() { Ok(secrets) } else { Err(ConfigErrors(errors)) }
}

/// One secret, as it is now.
pub(crate) async fn fetch(aws: &Aws, name: &str) -> Result<SecretString, String> {
    fetch_with(&client(aws).await, name).await
}

async fn client(aws: &Aws) -> Client {
    let settings = aws.settings().await;
    let timeouts = settings.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
    let timeouts = timeouts.operation_attempt_timeout(ATTEMPT_LIMIT).operation_timeout(LIMIT).build();
    Client::from_conf(aws_sdk_secretsmanager::config::Builder::from(settings).timeout_config(timeouts).build())
}

async fn fetch_with(client: &Client, name: &str) -> Result<SecretString, String> {
    let secret = client.get_secret_value().secret_id(name).send().await.map_err(|error| problem(name, &error))?;
    // No clone stays behind: the answer is dropped here.
    match secret.secret_string {
        Some(text) => Ok(text.into()),
        None => Err(format!("the secret {name} holds bytes; it must hold text")),
    }
}

/// What is wrong and what to do; nothing of what AWS says but its code.
fn problem<R: fmt::Debug>(name: &str, error: &SdkError<GetSecretValueError, R>) -> String {
    let what = match error {
        SdkError::ServiceError(error) => match error.err().code() {
            Some("AccessDeniedException") => {
                "may not be read; allow secretsmanager:GetSecretValue on it to this function's role, and kms:Decrypt on its \
                 key if it has one of its own"
                    .to_owned()
            }
            Some("ResourceNotFoundException") => {
                "does not exist; check its name and the region (AWS_REGION)".to_owned()
            }
            Some("DecryptionFailure") => "cannot be decrypted; allow kms:Decrypt on its key".to_owned(),
            Some("InvalidRequestException") => "cannot be read; is it being deleted?".to_owned(),
            code => format!("cannot be read ({})", code.unwrap_or("an error without a code")),
        },
        SdkError::TimeoutError(_) => {
            "did not come in time; can this function reach Secrets Manager (a VPC needs an endpoint for it)?".to_owned()
        }
        other => format!(
            "cannot be asked for ({}); check region, credentials and, in a VPC, the endpoint of Secrets Manager",
            reasons(other)
        ),
    };
    format!("the secret {name} in AWS Secrets Manager {what}")
}

/// The outermost words ("dispatch failure") say little, so all are joined. They are about the connection and credentials, which
/// are not repeated in them.
fn reasons(error: &dyn Error) -> String {
    let mut words = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        words.push(error.to_string());
        source = error.source();
    }
    words.dedup();
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;
    use aws_sdk_secretsmanager::{
        Client,
        error::{ErrorMetadata, SdkError},
        operation::get_secret_value::GetSecretValueError,
        primitives::Blob,
    };
    use kinlink_config::{Needed, SecretReference, Secrets};
    use kinlink_testkit::sqs_endpoint;
    use secrecy::ExposeSecret as _;

    use super::{fetch_all, problem};
    use crate::aws::Aws;

    fn needed(place: &str, reference: &str) -> Needed {
        Needed { place: place.to_owned(), reference: SecretReference::read(reference).unwrap() }
    }

    #[tokio::test]
    async fn secrets_are_fetched_once_and_what_lacks_is_named_with_its_setting() {
        // The emulator of SQS imitates Secrets Manager as well.
        let settings = aws_config::defaults(BehaviorVersion::v2026_01_12()).endpoint_url(sqs_endpoint()).load().await;
        let client = Client::new(&settings);
        let name = |what: &str| format!("kinlink/{what}-{}", std::process::id());
        let (store, keys, bytes) = (name("store"), name("keys"), name("bytes"));
        for (name, text) in [(&store, "postgres://u:s3cret@h/d"), (&keys, "{\"a\":\"s3cret\"}")] {
            client.create_secret().name(name).secret_string(text).send().await.unwrap();
        }
        client.create_secret().name(&bytes).secret_binary(Blob::new(*b"s3cret")).send().await.unwrap();
        let aws = Aws::from(settings);
        let fetched = fetch_all(
            &aws,
            &[
                needed("KINLINK_STORE_URL", &format!("aws-sm:{store}?sslmode=require")),
                needed("KINLINK_SIGNING_KEY", &format!("aws-sm:{keys}#a")),
                needed("KINLINK_OIDC_CLIENT_SECRET", &format!("aws-sm:{keys}#b")),
            ],
        )
        .await
        .unwrap();
        assert_eq!(fetched.len(), 2);
        assert_eq!(fetched[&store].expose_secret(), "postgres://u:s3cret@h/d");

        let missing = name("missing");
        let errors = fetch_all(
            &aws,
            &[
                needed("KINLINK_STORE_URL", &format!("aws-sm:{store}")),
                needed("KINLINK_MOODLE_URL", &format!("aws-sm:{missing}")),
                needed("mail_url in kinlink.toml", &format!("aws-sm:{bytes}")),
            ],
        )
        .await
        .unwrap_err();
        let lines: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                format!(
                    "KINLINK_MOODLE_URL: the secret {missing} in AWS Secrets Manager does not exist; check its name and \
                     the region (AWS_REGION)"
                ),
                format!("mail_url in kinlink.toml: the secret {bytes} holds bytes; it must hold text"),
            ]
        );
    }

    #[tokio::test]
    async fn without_a_reference_aws_is_not_touched() {
        // Nothing listens there, and there are no credentials: any use would fail.
        let settings = aws_config::SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
        assert_eq!(fetch_all(&Aws::from(settings), &[]).await.unwrap().len(), Secrets::new().len());
    }

    #[test]
    fn a_refusal_says_what_to_allow_and_nothing_of_what_aws_says() {
        for (code, expected) in [
            ("AccessDeniedException", "allow secretsmanager:GetSecretValue"),
            ("DecryptionFailure", "allow kms:Decrypt"),
            ("InternalServiceError", "cannot be read (InternalServiceError)"),
        ] {
            let metadata = ErrorMetadata::builder().code(code).message("User s3cret is not authorized").build();
            let error = SdkError::service_error(GetSecretValueError::generic(metadata), ());
            let problem = problem("kinlink/store", &error);
            assert!(problem.contains(expected) && problem.contains("kinlink/store"), "{problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
        }
    }
}
