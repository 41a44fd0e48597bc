//! Sending to a real SMTP server.
#![expect(clippy::unwrap_used, reason = "every function here is part of a test")]

use kinlink_domain::email::EmailAddress;
use kinlink_mail::{Rendered, Smtp};
use kinlink_testkit::{mails_to, smtp_address};

/// Header and body as a mail program shows them: encoded words and the transfer encoding undone.
fn decoded(data: &str) -> (Vec<(String, String)>, String) {
    let (head, body) = data.split_once("\r\n\r\n").expect("an empty line between head and body");
    let unfolded = head.replace("\r\n ", " ");
    let headers: Vec<(String, String)> = unfolded
        .split("\r\n")
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_owned(), words(value)))
        .collect();
    let encoding = &headers.iter().find(|(name, _)| name == "Content-Transfer-Encoding").expect("an encoding").1;
    let body = match encoding.as_str() {
        "quoted-printable" => quoted_printable(body),
        "base64" => String::from_utf8(base64(&body.replace("\r\n", ""))).expect("UTF-8"),
        "7bit" | "8bit" => body.to_owned(),
        other => panic!("an unexpected encoding: {other}"),
    };
    (headers, body.replace("\r\n", "\n"))
}

fn words(value: &str) -> String {
    let mut shown = String::new();
    let mut after_encoded = false;
    for word in value.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        // Spaces between two encoded words are not shown, all others are.
        if !(shown.is_empty() || after_encoded && encoded.is_some()) {
            shown.push(' ');
        }
        match encoded {
            Some(encoded) => shown.push_str(&String::from_utf8(base64(encoded)).expect("UTF-8")),
            None => shown.push_str(word),
        }
        after_encoded = encoded.is_some();
    }
    shown
}

fn quoted_printable(text: &str) -> String {
    let mut bytes = Vec::new();
    let joined = text.replace("=\r\n", "");
    let mut rest = joined.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'=' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).expect("two digits"));
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = text
        .bytes()
        .filter(|byte| *byte != b'=')
        .map(|byte| u8::try_from(ALPHABET.iter().position(|a| *a == byte).expect("base64")).unwrap())
        .flat_map(|value| (0..6).rev().map(move |bit| (value >> bit) & 1))
        .collect();
    bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| (byte << 1) | bit)).collect()
}

#[tokio::test]
async fn mails_arrive_as_they_were_written() {
    let (host, port) = smtp_address();
    let url = format!("smtp://{host}:{port}?tls=none").parse().unwrap();
    let from: EmailAddress = "noreply@school.example.org".parse().unwrap();
    let smtp = Smtp::new(&url, &from, "Scoil Bhríde, Áth\r\nBcc: x@example.org").unwrap();
    let subject = "Nova lozinka za učenike – žuti čšćđ 学校 (K7QX-2M9D)";
    let long = "ein sehr langer Absatz mit Umlauten: äöü ".repeat(40);
    for (i, (subject, body)) in [
        (subject, format!("Dear Zoë,\n\n{long}\n\n.\n..dots at the beginning\nFrom here\n\nhttps://parents.example.org/confirm/{}\n", "x".repeat(100))),
        ("Plain (K7QX-2M9D)", "Hello,\n\nplain ASCII.\n".to_owned()),
        ("Two\r\nBcc: x@example.org", "Hello\n".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let to: EmailAddress = format!("mail-test-{i}-{}@example.org", std::process::id()).parse().unwrap();
        smtp.send(&to, &Rendered { subject: subject.to_owned(), body: body.clone() }).await.unwrap();
        let mails = mails_to(to.as_str());
        let [mail] = mails.as_slice() else { panic!("{mails:?}") };
        assert_eq!((mail.from.as_str(), mail.to.as_slice()), (from.as_str(), &[to.to_string()][..]));
        assert!(mail.data.is_ascii());
        assert!(mail.data.lines().all(|line| line.len() <= 998));
        let (headers, received) = decoded(&mail.data);
        let header = |name: &str| {
            let mut values = headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str());
            let value = values.next().unwrap_or_else(|| panic!("{name} is missing in {headers:?}"));
            assert_eq!(values.next(), None, "{name} only once");
            value
        };
        // Empty lines at the end come and go with the protocol.
        assert_eq!(received.trim_end(), body.trim_end());
        assert_eq!(header("Subject"), subject.replace("\r\n", " "));
        assert_eq!(header("To"), to.as_str());
        assert!(header("From").ends_with("<noreply@school.example.org>"), "{}", header("From"));
        assert_eq!(header("Auto-Submitted"), "auto-generated");
        assert_eq!(header("Content-Type"), "text/plain; charset=utf-8");
        assert!(header("Message-ID").ends_with("@school.example.org>"));
        header("Date");
        assert!(!headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("bcc")), "{headers:?}");
    }
}
