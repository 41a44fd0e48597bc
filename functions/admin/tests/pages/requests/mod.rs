//! Requests: the list, one request, decisions about one and about many.

mod bulk;
mod correct;
mod decide;
mod hostile;
mod list;
mod outcomes;
mod show;

use kinlink_service::view::Request;

use crate::staff::{Office, Person};

const AMELIA: (&str, &str, &str) = ("Amelia", "Turner", "7KL");
const ISLA: (&str, &str, &str) = ("Isla", "Turner", "8TH");
/// Two pupils of this name are in this tutor group.
const EMILY: (&str, &str, &str) = ("Emily", "Jones", "8MB");

fn at(request: &Request, what: &str) -> String {
    format!("/admin/requests/{}{what}", request.reference)
}

/// The fields of an approval with every check confirmed.
const CHECKS: [(&str, &str); 4] =
    [("do", "approve"), ("details_match", "1"), ("no_similar_pupil", "1"), ("no_critical_note", "1")];

/// The radio buttons of a page that belong to the choice of a pupil: name, value, whether it is chosen.
fn picks(page: &str) -> Vec<(String, String, bool)> {
    let buttons = page.split("<input type=\"radio\" form=\"decide\" name=\"").skip(1);
    buttons
        .map(|rest| {
            let tag = rest.split('>').next().unwrap();
            let mut parts = tag.split('"');
            let name = parts.next().unwrap().to_owned();
            let value = parts.nth(1).unwrap().to_owned();
            (name, value, tag.contains(" checked"))
        })
        .collect()
}

/// Approves a request as its page proposes it.
async fn approve(person: &Person, request: &Request) -> kinlink_testapp::Answer {
    let page = person.page(&at(request, "")).await;
    let version = crate::staff::field(&page, "version");
    let picks = picks(&page);
    let mut fields: Vec<(&str, &str)> = vec![("version", version.as_str())];
    fields.extend(CHECKS);
    fields.extend(picks.iter().filter(|(.., chosen)| *chosen).map(|(name, value, _)| (name.as_str(), value.as_str())));
    person.post(&at(request, "/decide"), &fields).await
}

/// An approved request of Mrs Turner's.
async fn approved(office: &Office, person: &Person) -> Request {
    let request = office.turner(&[AMELIA, ISLA]).await;
    assert_eq!(approve(person, &request).await.status.as_u16(), 303);
    office.now(&request).await
}
