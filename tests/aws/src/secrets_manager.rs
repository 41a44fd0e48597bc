//! Making and changing secrets in the emulator: two calls, without a client library of their own.

use anyhow::{Context as _, Result, ensure};
use kinlink_testkit::sqs_endpoint;
use serde_json::{Value, json};
use uuid::Uuid;

/// Makes a secret with a name that no other test has; gives its ARN.
///
/// # Errors
/// The emulator.
pub async fn create(text: &str) -> Result<String> {
    let name = format!("kinlink/{}", Uuid::now_v7());
    let made =
        call("CreateSecret", &json!({ "Name": name, "SecretString": text, "ClientRequestToken": Uuid::now_v7() }))
            .await?;
    Ok(made["ARN"].as_str().context("the ARN of a secret")?.to_owned())
}

/// Gives a secret another content.
///
/// # Errors
/// The emulator.
pub async fn put(arn: &str, text: &str) -> Result<()> {
    let body = json!({ "SecretId": arn, "SecretString": text, "ClientRequestToken": Uuid::now_v7() });
    call("PutSecretValue", &body).await.map(drop)
}

async fn call(action: &str, body: &Value) -> Result<Value> {
    // The emulator (the same as of SQS) finds the service by the target and region by the scope of the signature, which it does not check.
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260903/eu-west-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0";
    let request = reqwest::Client::new()
        .post(sqs_endpoint())
        .header("x-amz-target", format!("secretsmanager.{action}"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("authorization", scope)
        .body(body.to_string());
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{action}: {status} {text}");
    Ok(serde_json::from_str(&text)?)
}
