//! Checking a submission: it never fails, keeps every limit, says nothing that was typed, and what it gave is good again.

use kinlink_domain::submission::{
    Child, FaultCode, MAX_ADMISSION_NUMBER, MAX_CHILDREN, MAX_COMMENT, MAX_NAME, MAX_TITLE, MAX_TUTOR_GROUP, RawChild,
    RawSubmission, Submission,
};

use crate::answers::{CANARY, faults_are_silent};

/// Bytes as a submission: JSON of its own form, or fields between line feeds.
fn read(data: &[u8]) -> RawSubmission {
    if let Ok(raw) = serde_json::from_slice(data) {
        return raw;
    }
    let text = String::from_utf8_lossy(data);
    let mut fields = text.split('\n').map(str::to_owned);
    let mut next = || fields.next().unwrap_or_default();
    let mut raw = RawSubmission {
        kind: Some(next()),
        locale: Some(next()),
        title: next(),
        given_name: next(),
        family_name: next(),
        email: next(),
        comment: next().replace('\u{1f}', "\n"),
        ..RawSubmission::default()
    };
    raw.declaration = Some(next() == "1");
    raw.children = fields
        .map(|child| {
            let mut parts = child.split('\t').map(str::to_owned);
            RawChild {
                given_name: parts.next().unwrap_or_default(),
                family_name: parts.next().unwrap_or_default(),
                tutor_group: parts.next(),
                admission_number: parts.next(),
            }
        })
        .collect();
    raw
}

/// A checked submission as somebody would send it again.
fn again(checked: &Submission) -> RawSubmission {
    let child = |child: &Child| RawChild {
        given_name: child.given_name.clone(),
        family_name: child.family_name.clone(),
        tutor_group: child.tutor_group.clone(),
        admission_number: child.admission_number.clone(),
    };
    RawSubmission {
        kind: Some(checked.kind.code().to_owned()),
        locale: Some(checked.locale.clone()),
        title: checked.title.clone().unwrap_or_default(),
        given_name: checked.given_name.clone(),
        family_name: checked.family_name.clone(),
        email: checked.email.as_ref().map_or_else(|| checked.email_typed.clone(), ToString::to_string),
        children: checked.children.iter().map(child).collect(),
        comment: checked.comment.clone(),
        declaration: Some(true),
    }
}

#[track_caller]
fn fits(text: &str, most: usize, lines: bool) {
    assert!(text.chars().count() <= most, "{} characters of {most}: {text:?}", text.chars().count());
    let bad = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\t'));
    assert!(!text.chars().any(bad), "{text:?}");
    assert_eq!(text, text.trim(), "white space around");
}

pub(crate) fn hold(data: &[u8]) {
    let raw = read(data);
    let json = serde_json::to_vec(&raw).unwrap();
    assert_eq!(serde_json::from_slice::<RawSubmission>(&json).unwrap(), raw, "what is stored is what was sent");

    let checked = Submission::check(&raw);
    for (text, most) in [(&checked.given_name, MAX_NAME), (&checked.family_name, MAX_NAME), (&checked.email_typed, 254)]
    {
        fits(text, most, false);
    }
    fits(checked.title.as_deref().unwrap_or_default(), MAX_TITLE, false);
    fits(&checked.comment, MAX_COMMENT, true);
    assert!(checked.children.len() <= MAX_CHILDREN);
    for child in &checked.children {
        fits(&child.given_name, MAX_NAME, false);
        fits(&child.family_name, MAX_NAME, false);
        fits(child.tutor_group.as_deref().unwrap_or_default(), MAX_TUTOR_GROUP, false);
        fits(child.admission_number.as_deref().unwrap_or_default(), MAX_ADMISSION_NUMBER, false);
    }
    assert!(["en", "cy", "pl", "ar"].contains(&checked.locale.as_str()));

    let second = Submission::check(&again(&checked));
    // An address that is none is kept for staff without what cannot be shown; what is left may be one.
    assert!(checked.email.is_none() || second.email == checked.email, "an address stays what it is");
    let without_address = |checked: &Submission| Submission {
        email: None,
        email_typed: String::new(),
        faults: Vec::new(),
        ..checked.clone()
    };
    assert_eq!(without_address(&second), without_address(&checked), "checked twice is checked once");
    if second.email == checked.email {
        assert_eq!(second.content_hash(), checked.content_hash());
    }
    let lasting = |fault: &&kinlink_domain::submission::FieldFault| {
        matches!(fault.code, FaultCode::Unprintable | FaultCode::TooLong | FaultCode::TooMany)
            && fault.pointer != "/adult/email"
    };
    assert_eq!(second.faults.iter().find(lasting), None, "what was mended stays mended");

    let mut marked = raw;
    let texts =
        [&mut marked.title, &mut marked.given_name, &mut marked.family_name, &mut marked.email, &mut marked.comment];
    let of_children = marked.children.iter_mut().flat_map(|child| {
        [
            Some(&mut child.given_name),
            Some(&mut child.family_name),
            child.tutor_group.as_mut(),
            child.admission_number.as_mut(),
        ]
    });
    for text in texts.into_iter().chain(of_children.flatten()).chain(marked.kind.as_mut()).chain(marked.locale.as_mut())
    {
        text.insert_str(0, CANARY);
    }
    faults_are_silent(&Submission::check(&marked).faults);
}
