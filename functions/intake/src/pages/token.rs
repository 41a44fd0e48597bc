//! Texts that we gave out and want to know again: signed, so that nobody else can make them, and good for a while.
//!
//! A form's token says when the form was opened and tells it from others. A receipt holds a reference and nothing about a
//! person.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kinlink_domain::reference::Reference;
use kinlink_service::App;

const FORM: &str = "form-token";
const RECEIPT: &str = "form-receipt";
/// How long a form may lie open.
const FORM_LASTS: i64 = 24 * 3_600;
/// How long the page after sending can be opened.
const RECEIPT_LASTS: i64 = 3_600;
/// How far the clocks of two machines of ours may differ.
const SKEW: i64 = 60;

/// A form's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormToken {
    /// For how many seconds the form has been open.
    pub(crate) age: i64,
    /// What tells it from every other form.
    pub(crate) nonce: String,
}

impl FormToken {
    /// A new token.
    pub(crate) fn issue(app: &App) -> String {
        let nonce = URL_SAFE_NO_PAD.encode(app.random.bytes::<16>());
        app.key.sign(FORM, &format!("{}.{nonce}", app.now().as_second()))
    }

    /// Reads a token; `None` when it is missing, not ours, or too old.
    pub(crate) fn read(app: &App, text: Option<&str>) -> Option<Self> {
        let (issued, nonce) = app.key.verified(FORM, text?)?.split_once('.')?;
        let age = app.now().as_second() - issued.parse::<i64>().ok()?;
        (-SKEW..=FORM_LASTS).contains(&age).then(|| Self { age, nonce: nonce.to_owned() })
    }
}

/// What stands in the address of the page after sending.
pub(crate) fn receipt(app: &App, reference: &Reference) -> String {
    let expires = app.now().as_second() + RECEIPT_LASTS;
    app.key.sign(RECEIPT, &URL_SAFE_NO_PAD.encode(format!("{expires}.{}", reference.as_str())))
}

/// The reference of a receipt; `None` when it is not ours or too old.
pub(crate) fn read_receipt(app: &App, text: &str) -> Option<Reference> {
    let payload = URL_SAFE_NO_PAD.decode(app.key.verified(RECEIPT, text)?).ok()?;
    let (expires, reference) = std::str::from_utf8(&payload).ok()?.split_once('.')?;
    let good = expires.parse::<i64>().ok()? > app.now().as_second();
    good.then(|| reference.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kinlink_testapp::app;

    use super::{FormToken, read_receipt, receipt};

    #[tokio::test]
    async fn a_form_s_token_lasts_a_day_and_nobody_else_can_make_one() {
        let kinlink = app().await;
        let token = FormToken::issue(&kinlink.app);
        let read = |text: &str| FormToken::read(&kinlink.app, Some(text));
        assert_eq!(read(&token).map(|token| token.age), Some(0));
        assert_ne!(FormToken::issue(&kinlink.app), token);
        let (payload, signature) = token.rsplit_once('.').unwrap();
        let (_, nonce) = payload.split_once('.').unwrap();
        let later = format!("{}.{nonce}.{signature}", kinlink.clock.now().as_second() + 1);
        let receipt = receipt(&kinlink.app, &"K7QX-2M9D".parse().unwrap());
        for wrong in ["", ".", "..", payload, signature, &later, &token[1..], &token[..token.len() - 1], &receipt] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(FormToken::read(&kinlink.app, None), None);
        kinlink.clock.advance(SignedDuration::from_hours(24));
        assert_eq!(read(&token).map(|token| token.age), Some(86_400));
        kinlink.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(read(&token), None);
        // The clock of another machine is behind, but not by that much.
        kinlink.clock.advance(SignedDuration::from_secs(-86_401 - 60));
        assert!(read(&token).is_some());
        kinlink.clock.advance(SignedDuration::from_secs(-1));
        assert_eq!(read(&token), None);
    }

    #[tokio::test]
    async fn a_receipt_lasts_an_hour_and_says_nothing_but_the_reference() {
        let kinlink = app().await;
        let reference = "K7QX-2M9D".parse().unwrap();
        let text = receipt(&kinlink.app, &reference);
        assert_eq!(read_receipt(&kinlink.app, &text), Some(reference));
        assert_eq!(read_receipt(&kinlink.app, &text.replacen('M', "N", 1)), None);
        assert_eq!(read_receipt(&kinlink.app, &FormToken::issue(&kinlink.app)), None);
        kinlink.clock.advance(SignedDuration::from_hours(1));
        assert_eq!(read_receipt(&kinlink.app, &text), None);
    }
}
