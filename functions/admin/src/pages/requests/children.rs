//! The children of a request: as typed, whom they mean, and whom they may mean.

use std::collections::BTreeSet;

use kinlink_domain::{
    differences::differences,
    ids::{ClaimId, MoodleUserId},
    matching::{Agreement, Match, Pupil, Verdict},
    request::{Action, ClaimState},
    submission::{Child, RawChild},
};
use kinlink_service::view::{Beside, ChildSummary, RequestDetail};
use kinlink_web::{form::Fields, number::counted};

use super::{Fault, address::ListAddress, list::child_name};
use crate::pages::{
    explain,
    words::{self, Tag},
};

/// One of several that somebody chooses from.
pub(super) struct Candidate {
    pub(super) value: String,
    pub(super) name: String,
    pub(super) group: String,
    pub(super) text: String,
    pub(super) chosen: bool,
}

/// A child as the page shows it.
pub(super) struct ChildView {
    pub(super) name: String,
    pub(super) group: String,
    /// How it was sent, if it was corrected since.
    pub(super) typed: String,
    pub(super) pupil: String,
    pub(super) no_pupil: &'static str,
    pub(super) detail: String,
    pub(super) href: Option<String>,
    pub(super) how: Tag,
    pub(super) advice: String,
    /// Why the parent does not see a child that was approved.
    pub(super) explain: Option<String>,
    pub(super) withdraw: Option<String>,
    pub(super) choice: Option<PupilChoice>,
    /// Whether it is open and nobody can be proposed for it.
    pub(super) is_unclear: bool,
}

/// The choice of a pupil for a child that is not decided yet.
pub(super) struct PupilChoice {
    pub(super) anchor: String,
    pub(super) claim: ClaimId,
    pub(super) field: String,
    /// Whether somebody is chosen already, so that the choice can stay folded.
    pub(super) settled: bool,
    pub(super) told: String,
    pub(super) fault: Option<String>,
    pub(super) options: Vec<Candidate>,
    pub(super) can_pin: bool,
    pub(super) find: String,
}

/// What the children are shown with.
pub(super) struct Shown<'a> {
    pub(super) detail: &'a RequestDetail,
    pub(super) list: &'a ListAddress,
    /// Moodle's address, for links to profiles.
    pub(super) moodle_url: Option<&'a str>,
    /// Names of the pupils that were picked.
    pub(super) beside: &'a Beside,
    /// What was searched for, for which claim, and who was found.
    pub(super) found: Option<(ClaimId, &'a str, &'a [Pupil])>,
    /// What was sent, when the page is shown again.
    pub(super) form: Option<&'a Fields>,
    pub(super) faults: &'a [Fault],
    pub(super) may_decide: bool,
}

/// The field of a form that holds the choice for a claim.
pub(super) fn field(claim: ClaimId) -> String {
    format!("pick.{claim}")
}

/// Where on the page a child's choice is.
pub(super) fn anchor(detail: &RequestDetail, claim: ClaimId) -> String {
    let place = detail.summary.children.iter().position(|child| child.claim == claim);
    place.map_or_else(|| "pupils".to_owned(), |place| format!("child-{}", place + 1))
}

/// A typed child, for comparing it with pupils.
fn typed(child: &ChildSummary) -> Child {
    Child {
        given_name: child.given_name.clone(),
        family_name: child.family_name.clone(),
        tutor_group: child.tutor_group.clone(),
        admission_number: child.admission_number.clone(),
    }
}

impl Shown<'_> {
    pub(super) fn children(&self, sent: &[RawChild]) -> Vec<ChildView> {
        let children = &self.detail.summary.children;
        children.iter().enumerate().map(|(place, child)| self.child(child, sent.get(place))).collect()
    }

    fn child(&self, child: &ChildSummary, sent: Option<&RawChild>) -> ChildView {
        let matches = self.detail.matches.as_ref();
        let found = matches.and_then(|all| all.iter().find(|one| one.claim == child.claim)).map(|one| &one.found);
        let exact = found.and_then(|found| match found.verdict {
            Verdict::Exact(pupil) => Some(pupil),
            _ => None,
        });
        let is_open = child.state == ClaimState::Open;
        let pupil = child.pupil.or(exact.filter(|_| is_open));
        let known = pupil.and_then(|id| self.pupil(id, found));
        let how = how(child, found);
        ChildView {
            name: child_name(child),
            group: child.tutor_group.clone().unwrap_or_else(|| "no tutor group".to_owned()),
            typed: sent.map(|sent| sent_as(child, sent)).unwrap_or_default(),
            pupil: pupil.map(|id| self.pupil_name(id, known)).unwrap_or_default(),
            no_pupil: if is_open { "Nobody chosen yet" } else { "Nobody" },
            detail: known.map_or_else(|| pupil.map(|id| self.left(id)).unwrap_or_default(), facts),
            href: pupil.and_then(|id| self.profile(id)),
            advice: if is_open { String::new() } else { child.advice.map(str::to_owned).unwrap_or_default() },
            explain: child.pupil.filter(|_| child.state == ClaimState::Approved).map(|id| self.explain(id)),
            withdraw: self.withdraw(child),
            choice: (is_open && self.may_decide && self.detail.actions.contains(&Action::Approve))
                .then(|| self.choice(child, found, pupil)),
            is_unclear: is_open && pupil.is_none(),
            how,
        }
    }

    fn pupil<'a>(&'a self, id: MoodleUserId, found: Option<&'a Match>) -> Option<&'a Pupil> {
        let candidates = found.into_iter().flat_map(|found| &found.candidates).map(|candidate| &candidate.pupil);
        candidates.chain(self.found.iter().flat_map(|(_, _, found)| *found)).find(|pupil| pupil.id == id)
    }

    fn pupil_name(&self, id: MoodleUserId, known: Option<&Pupil>) -> String {
        match (known, self.beside.pupil(id)) {
            (Some(pupil), _) => format!("{} {}", pupil.given_name, pupil.family_name),
            (None, Some(pupil)) => pupil.name.clone(),
            (None, None) => format!("Moodle user {id}"),
        }
    }

    fn left(&self, id: MoodleUserId) -> String {
        let left = self.beside.pupil(id).is_some_and(|pupil| pupil.left);
        if left { "Suspended or deleted in Moodle".to_owned() } else { String::new() }
    }

    fn profile(&self, id: MoodleUserId) -> Option<String> {
        Some(format!("{}/user/profile.php?id={id}", self.moodle_url?.trim_end_matches('/')))
    }

    /// Their adult is known once a child is approved; before, the request stands for them.
    fn explain(&self, pupil: MoodleUserId) -> String {
        let reference = || self.detail.summary.reference.to_string();
        explain::address(&self.beside.adult.map_or_else(reference, |adult| adult.to_string()), pupil)
    }

    fn withdraw(&self, child: &ChildSummary) -> Option<String> {
        let can = self.may_decide
            && child.state == ClaimState::Approved
            && self.detail.actions.contains(&Action::WithdrawChild);
        can.then(|| self.list.under(&self.detail.summary.reference, &format!("withdraw/{}", child.claim)))
    }

    fn choice(&self, child: &ChildSummary, found: Option<&Match>, proposed: Option<MoodleUserId>) -> PupilChoice {
        let field = field(child.claim);
        let anchor = anchor(self.detail, child.claim);
        let sent = self.form.map(|form| form.get(&field).unwrap_or_default().to_owned());
        let chosen = sent.unwrap_or_else(|| proposed.map(|id| id.to_string()).unwrap_or_default());
        let fault = self.faults.iter().find(|fault| fault.anchor == anchor).map(|fault| fault.text.clone());
        let searched = self.found.filter(|(claim, ..)| *claim == child.claim);
        let mut seen = BTreeSet::new();
        let candidates = found.into_iter().flat_map(|found| &found.candidates).map(|candidate| &candidate.pupil);
        let pupils = searched.iter().flat_map(|(.., found)| *found).chain(candidates);
        let pupils = pupils.filter(|pupil| seen.insert(pupil.id));
        let typed = typed(child);
        let mut options: Vec<Candidate> = pupils
            .map(|pupil| Candidate {
                value: pupil.id.to_string(),
                name: format!("{} {}", pupil.given_name, pupil.family_name),
                group: pupil.tutor_group.clone(),
                text: with_number(pupil, &words::differences(&differences(&typed, pupil))),
                chosen: chosen == pupil.id.to_string(),
            })
            .collect();
        // Whoever was pinned stays among the options, however they are called now.
        if let Some(pinned) = child.pupil.filter(|id| !options.iter().any(|option| option.value == id.to_string())) {
            options.insert(
                0,
                Candidate {
                    value: pinned.to_string(),
                    name: self.pupil_name(pinned, None),
                    group: String::new(),
                    text: "Chosen by staff before.".to_owned(),
                    chosen: chosen == pinned.to_string(),
                },
            );
        }
        for (value, name, text) in [
            ("leave", "Leave undecided", "The request stays in To do until somebody decides on this child."),
            ("deny", "Refuse this child", "The parent is not linked to this child; the others go on."),
        ] {
            let (name, text) = (name.to_owned(), text.to_owned());
            options.push(Candidate { value: value.into(), name, group: String::new(), text, chosen: chosen == value });
        }
        PupilChoice {
            settled: fault.is_none() && searched.is_none() && proposed.is_some_and(|id| chosen == id.to_string()),
            told: told(found, searched.map(|(_, text, pupils)| (text, pupils.len()))),
            find: searched.map(|(_, text, _)| text.to_owned()).unwrap_or_default(),
            can_pin: options.len() > 2,
            claim: child.claim,
            field,
            anchor,
            fault,
            options,
        }
    }
}

/// How the child was matched, or how it was decided on.
fn how(child: &ChildSummary, found: Option<&Match>) -> Tag {
    match child.state {
        ClaimState::Approved => {
            child.outcome.map_or_else(|| Tag::new("blue", "clock", "Waits for the cycle"), words::outcome)
        }
        ClaimState::Denied => Tag::new("grey", "ban", "Refused"),
        ClaimState::Withdrawn => Tag::new("grey", "undo-2", "Withdrawn"),
        ClaimState::Open if child.pupil.is_some() => Tag::new("green", "link", "Chosen by staff"),
        ClaimState::Open => match found {
            None => Tag::new("grey", "wifi-off", "Not looked up"),
            Some(found) => match found.verdict {
                Verdict::Exact(_) => {
                    let exact = found.candidates.iter().find(|candidate| candidate.exact);
                    let by_number = exact.is_some_and(|exact| exact.agreements.contains(&Agreement::AdmissionNumber));
                    Tag::new("green", "check", if by_number { "Admission number" } else { "Name and group" })
                }
                Verdict::Ambiguous => Tag::new("amber", "users", "Several match"),
                Verdict::Similar => Tag::new("amber", "circle-help", "Only similar"),
                Verdict::Nobody => Tag::new("red", "x", "No match"),
            },
        },
    }
}

fn told(found: Option<&Match>, searched: Option<(&str, usize)>) -> String {
    if let Some((_, number)) = searched {
        return format!("{} found by your search.", counted(number, "pupil", "pupils"));
    }
    match found.map(|found| found.verdict) {
        None => "Moodle cannot be asked at the moment.".to_owned(),
        Some(Verdict::Exact(_)) => String::new(),
        Some(Verdict::Ambiguous) => "Two or more pupils match exactly.".to_owned(),
        Some(Verdict::Similar) => "Nobody matches exactly.".to_owned(),
        Some(Verdict::Nobody) => "Nobody is like this. Find the pupil below.".to_owned(),
    }
}

/// Tutor group and admission number.
fn facts(pupil: &Pupil) -> String {
    let facts = [pupil.tutor_group.as_str(), pupil.admission_number.as_str()];
    facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(", ")
}

fn with_number(pupil: &Pupil, text: &str) -> String {
    if pupil.admission_number.is_empty() {
        return words::sentence(text);
    }
    format!("Admission number {}: {text}.", pupil.admission_number)
}

/// The child as it was sent, if it is called something else now.
fn sent_as(child: &ChildSummary, sent: &RawChild) -> String {
    let now = [
        child.given_name.as_str(),
        &child.family_name,
        child.tutor_group.as_deref().unwrap_or_default(),
        child.admission_number.as_deref().unwrap_or_default(),
    ];
    let then = [
        sent.given_name.trim(),
        sent.family_name.trim(),
        sent.tutor_group.as_deref().unwrap_or_default().trim(),
        sent.admission_number.as_deref().unwrap_or_default().trim(),
    ];
    if now == then {
        return String::new();
    }
    let then = then.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if then.is_empty() { "nothing".to_owned() } else { then }
}
