//! This process's AWS settings (region, credentials, how patient): made when they are first needed, once for all clients.

use std::{sync::OnceLock, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use tokio::sync::OnceCell;

/// How long connecting may take. Without a limit a request over a connection that died while the sandbox was frozen waits for
/// TCP's.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How often a request is tried. The standard mode pauses between tries, longer each time and by chance, and stops trying when
/// most requests fail.
const ATTEMPTS: u32 = 3;

/// AWS as this process sees it. A process that uses none of it pays nothing.
#[derive(Debug, Default)]
pub struct Aws(OnceCell<SdkConfig>);

impl Aws {
    /// The settings for clients. Where the machine's own settings say nothing of the region, it is asked for once.
    pub async fn settings(&self) -> &SdkConfig {
        self.0
            .get_or_init(|| {
                aws_config::defaults(BehaviorVersion::v2026_01_12())
                    .http_client(http_client())
                    .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
                    .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_LIMIT).build())
                    .load()
            })
            .await
    }
}

/// One connector for all clients, made with the first request. The SDK's own way is two for every client that is made, and for
/// each of them this machine's certificates are read through: several milliseconds of a start.
fn http_client() -> SharedHttpClient {
    let connector = OnceLock::new();
    http_client_fn(move |settings, components| {
        // Our clients differ in how long they wait for an answer, which is not the connector's concern.
        let made = connector.get_or_init(|| {
            let mut builder = ConnectorBuilder::default()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .connector_settings(settings.clone());
            builder.set_sleep_impl(components.sleep_impl());
            builder.set_proxy_config(Some(ProxyConfig::from_env()));
            SharedHttpConnector::new(builder.build())
        });
        made.clone()
    })
}

#[cfg(test)]
impl From<SdkConfig> for Aws {
    fn from(settings: SdkConfig) -> Self {
        Self(OnceCell::new_with(Some(settings)))
    }
}
