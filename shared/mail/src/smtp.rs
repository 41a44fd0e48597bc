//! Sending over SMTP: one connection a mail, since a sandbox that sleeps keeps none.

use std::{error::Error as _, io, time::Duration};

use kinlink_domain::{email::EmailAddress, text::salvage};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, SinglePart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error as SmtpError,
        authentication::Credentials,
        client::{Tls as LettreTls, TlsParameters},
    },
};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::{Rendered, SmtpUrl, Tls};

/// How long one mail may take, from the connection to the server's word that it has it.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// A mail that was not sent. Neither addresses nor the server's words are repeated: servers put addresses into them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The same mail may be accepted later.
    #[error("the mail could not be sent now: {0}")]
    Temporary(Reason),
    /// The same mail will never be accepted.
    #[error("the mail cannot be sent: {0}")]
    Permanent(Reason),
}

impl SendError {
    /// Whether it says something of the server, not of this mail: the next mail would meet the same.
    #[must_use]
    pub const fn concerns_server(&self) -> bool {
        match self {
            Self::Temporary(reason) => !matches!(reason, Reason::Refused(_)),
            Self::Permanent(_) => false,
        }
    }
}

/// Why a mail was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No connection, or it broke.
    #[error("no connection to the mail server ({0})")]
    Connection(io::ErrorKind),
    /// The server did not finish in time.
    #[error("the mail server did not answer within {} seconds", TIMEOUT.as_secs())]
    Timeout,
    /// No TLS, or a certificate that is not trusted.
    #[error("TLS with the mail server failed")]
    Tls,
    /// The server did not accept our user name and password, or wants some: the settings are wrong, not the mail.
    #[error("the mail server refused to let us sign in (code {0})")]
    SignIn(u16),
    /// The server refused, with this SMTP code.
    #[error("the mail server refused it (code {0})")]
    Refused(u16),
    /// The server speaks something else than SMTP, or lacks something we need, STARTTLS for instance.
    #[error("the mail server did not answer as expected")]
    Protocol,
    /// The address cannot be used in mail.
    #[error("the address cannot be used")]
    Address,
    /// The message cannot be put together.
    #[error("the message cannot be put together")]
    Message,
}

/// A mail server and the sender that mails come from. Cheap to clone.
#[derive(Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: String,
    from: Mailbox,
    timeout: Duration,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Smtp {
    /// A mail server. Nothing is connected before the first mail. `from_name` is what people see as the sender: the school.
    ///
    /// # Errors
    /// [`Reason::Tls`] if this machine has no TLS certificates or the host is no name that a certificate can have,
    /// [`Reason::Address`] if the sender's address cannot be used; both are [`SendError::Permanent`].
    pub fn new(url: &SmtpUrl, from: &EmailAddress, from_name: &str) -> Result<Self, SendError> {
        let parameters = || TlsParameters::new(url.host.clone()).map_err(|_| SendError::Permanent(Reason::Tls));
        let tls = match url.tls {
            Tls::None => LettreTls::None,
            Tls::StartTls => LettreTls::Required(parameters()?),
            Tls::Implicit => LettreTls::Wrapper(parameters()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(url.host.clone())
            .port(url.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = &url.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        let name = Some(salvage(from_name, 100)).filter(|name| !name.is_empty());
        let from = Mailbox::new(name, address(from)?);
        Ok(Self { transport: builder.build(), server: url.to_string(), from, timeout: TIMEOUT })
    }

    /// Sends one mail. When it returns `Ok`, the server has taken it over. After a temporary error the server may have
    /// it all the same: trying again can send it twice.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, to: &EmailAddress, mail: &Rendered) -> Result<(), SendError> {
        let message = self.message(to, mail)?;
        // lettre's own timeout covers connecting only.
        match tokio::time::timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(SendError::Temporary(Reason::Timeout)),
        }
    }

    fn message(&self, to: &EmailAddress, mail: &Rendered) -> Result<Message, SendError> {
        // Named after the sender's domain: the machine's own name is nobody's business.
        let id = format!("<{}@{}>", Uuid::now_v7().simple(), self.from.email.domain());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address(to)?))
            .subject(salvage(&mail.subject, 200))
            .message_id(Some(id))
            .header(AutoSubmitted)
            .singlepart(SinglePart::plain(mail.body.clone()))
            .map_err(|_| SendError::Permanent(Reason::Message))
    }
}

/// Tells other mail programs that nobody typed this: no absence notes in return (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn address(email: &EmailAddress) -> Result<Address, SendError> {
    email.as_str().parse().map_err(|_| SendError::Permanent(Reason::Address))
}

fn classify(error: &SmtpError) -> SendError {
    if let Some(code) = error.status().map(u16::from) {
        return match code {
            // Our user name and password: mails that wait must not be lost to a typing mistake.
            530 | 534 | 535 | 538 => SendError::Temporary(Reason::SignIn(code)),
            500.. => SendError::Permanent(Reason::Refused(code)),
            _ => SendError::Temporary(Reason::Refused(code)),
        };
    }
    let mut source = error.source();
    while let Some(cause) = source {
        match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::TimedOut) => return SendError::Temporary(Reason::Timeout),
            // What rustls reports comes as this kind: a certificate that is not trusted, no TLS at all.
            Some(io::ErrorKind::InvalidData) => return SendError::Temporary(Reason::Tls),
            Some(kind) => return SendError::Temporary(Reason::Connection(kind)),
            None => source = cause.source(),
        }
    }
    SendError::Temporary(if error.is_tls() { Reason::Tls } else { Reason::Protocol })
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use tokio::{
        io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
        net::TcpListener,
    };

    use super::{Reason, SendError, Smtp};
    use crate::Rendered;

    /// Here the server says nothing any more, and keeps the connection.
    const HANG: &str = "";

    /// A server that gives its next answer to each line and then hangs up. Gives its port.
    async fn server(answers: &'static [&'static str]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            for answer in answers {
                if *answer == HANG {
                    std::future::pending::<()>().await;
                }
                write.write_all(answer.as_bytes()).await.unwrap();
                write.write_all(b"\r\n").await.unwrap();
                if lines.next_line().await.unwrap().is_none() {
                    return;
                }
            }
        });
        port
    }

    async fn send(url: &str, timeout: Duration) -> Result<(), SendError> {
        let mut smtp = Smtp::new(&url.parse().unwrap(), &"school@example.org".parse().unwrap(), "School").unwrap();
        smtp.timeout = timeout;
        let mail = Rendered { subject: "Subject".into(), body: "Body\n".into() };
        smtp.send(&"jo@example.org".parse().unwrap(), &mail).await
    }

    #[tokio::test]
    async fn what_the_server_says_decides_whether_to_try_again() {
        const HELLO: &str = "220 mail.example.org";
        const READY: &str = "250 mail.example.org";
        for (answers, expected) in [
            (&["421 busy"][..], SendError::Temporary(Reason::Refused(421))),
            (&["554 no mail here"], SendError::Permanent(Reason::Refused(554))),
            (&[HELLO, READY, "250 ok", "450 greylisted jo@example.org"], SendError::Temporary(Reason::Refused(450))),
            (&[HELLO, READY, "250 ok", "550 unknown jo@example.org"], SendError::Permanent(Reason::Refused(550))),
            (&[HELLO, READY, "530 sign in first"], SendError::Temporary(Reason::SignIn(530))),
            (&["hello?"], SendError::Temporary(Reason::Protocol)),
            (&[HELLO, READY, "250 ok", HANG], SendError::Temporary(Reason::Timeout)),
            (&[HANG], SendError::Temporary(Reason::Timeout)),
        ] {
            let port = server(answers).await;
            let url = format!("smtp://127.0.0.1:{port}?tls=none");
            let error = send(&url, Duration::from_millis(500)).await.unwrap_err();
            assert_eq!(error, expected, "{answers:?}");
            assert!(!error.to_string().contains("jo@"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_server_without_the_tls_we_ask_for_gets_no_mail() {
        let port = server(&["220 mail.example.org", "250 mail.example.org"]).await;
        let error = send(&format!("smtp://127.0.0.1:{port}"), Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, SendError::Temporary(Reason::Protocol | Reason::Tls)), "{error:?}");
        let port = server(&["220 mail.example.org"]).await;
        let error = send(&format!("smtps://127.0.0.1:{port}"), Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, SendError::Temporary(Reason::Tls | Reason::Connection(_))), "{error:?}");
    }

    #[tokio::test]
    async fn a_connection_that_is_refused_is_temporary() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let error = send(&format!("smtp://127.0.0.1:{port}?tls=none"), Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error, SendError::Temporary(Reason::Connection(io::ErrorKind::ConnectionRefused)));
    }
}
