//! The pages for parents, as a browser without scripts uses them.

mod form;
mod hostile;
mod limits;
mod send;
mod status;
mod words;
mod wrong;

use jiff::SignedDuration;
use kinlink_testapp::{Answer, Client};
use url::form_urlencoded::Serializer;

use crate::Intake;

/// The fields of a form in their order.
pub(crate) type Fields = Vec<(String, String)>;

/// What a parent types.
pub(crate) fn typed() -> Fields {
    fields(&[
        ("kind", "new_account"),
        ("title", "Mrs"),
        ("given_name", "Hana"),
        ("family_name", "Kowalczyk"),
        ("email", "hana.kowalczyk@example.org"),
        ("children[0][given_name]", "Zofia"),
        ("children[0][family_name]", "Kowalczyk"),
        ("children[0][tutor_group]", "8C"),
        ("comment", "Jan was Nowak\r\nat primary school."),
    ])
}

pub(crate) fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The fields with some set to another value; new ones come last.
pub(crate) fn with(mut fields: Fields, changes: &[(&str, &str)]) -> Fields {
    for (name, value) in changes {
        match fields.iter_mut().find(|(field, _)| field == name) {
            Some(field) => (*value).clone_into(&mut field.1),
            None => fields.push(((*name).to_owned(), (*value).to_owned())),
        }
    }
    fields
}

pub(crate) async fn post(client: &Client, path: &str, fields: &Fields) -> Answer {
    let mut body = Serializer::new(String::new());
    body.extend_pairs(fields);
    client.with("content-type", "application/x-www-form-urlencoded").send("POST", path, body.finish()).await
}

/// What stands in an attribute, as a browser reads it.
fn unescape(text: &str) -> String {
    [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The value of an attribute in a tag.
pub(crate) fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(unescape(rest.split_once('"')?.0))
}

/// The attributes of every tag of a kind, each after a space.
pub(crate) fn tags(page: &str, kind: &str) -> Vec<String> {
    let open = format!("<{kind} ");
    page.split(&open).skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| format!(" {tag}")).collect()
}

/// The fields that a browser would send with a page's form: hidden ones, and what stands in inputs and boxes.
pub(crate) fn form(page: &str) -> Fields {
    let page = page.split_once("<form ").expect("a form").1;
    let mut fields = Fields::new();
    for tag in tags(page, "input") {
        let Some(name) = attribute(&tag, "name") else { continue };
        let kind = attribute(&tag, "type").unwrap_or_default();
        if matches!(kind.as_str(), "radio" | "checkbox") && !tag.contains(" checked") {
            continue;
        }
        fields.push((name, attribute(&tag, "value").unwrap_or_default()));
    }
    for rest in page.split("<textarea ").skip(1) {
        let (tag, rest) = rest.split_once('>').expect("a tag");
        let text = rest.split_once("</textarea>").expect("its end").0;
        let text = text.strip_prefix('\n').unwrap_or(text);
        fields.push((attribute(&format!(" {tag}"), "name").expect("a name"), unescape(text).replace('\n', "\r\n")));
    }
    fields
}

/// A parent's browser, on the page of the form.
pub(crate) struct Browser {
    pub(crate) client: Client,
    /// What the form holds.
    pub(crate) fields: Fields,
}

impl Intake {
    /// Opens the form and takes the time that a person needs.
    pub(crate) async fn open(&self) -> Browser {
        let page = self.anyone.get("/request").await.expect(200);
        self.kinlink.clock.advance(SignedDuration::from_secs(30));
        Browser { client: self.anyone.clone(), fields: form(&page.text) }
    }

    /// Fills the form in, goes on to the check of the answers, and ticks the box. Gives the fields to send.
    pub(crate) async fn ready(&self, typed: &Fields) -> Fields {
        let browser = self.open().await;
        let changes: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let page = post(&browser.client, "/request", &with(browser.fields, &changes)).await.expect(200);
        with(form(&page.text), &[("declaration", "yes")])
    }

    /// Sends what a parent typed; gives the page behind the redirect.
    pub(crate) async fn sent(&self, typed: &Fields) -> Answer {
        let ready = self.ready(typed).await;
        let answer = post(&self.anyone, "/request/send", &ready).await.expect(303);
        self.anyone.get(answer.header("location")).await.expect(200)
    }
}

/// The reference that a page shows.
pub(crate) fn reference_on(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("<strong class=\"mono nowrap\"><bdi>").expect("a reference");
    rest.split_once('<').expect("its end").0.to_owned()
}

/// What a person reads: the text without tags and head, one line a block.
pub(crate) fn readable(page: &str) -> String {
    let body = page.split_once("<body").map_or(page, |(_, body)| body);
    let body = body.split_once('>').expect("a tag").1;
    let mut text = String::new();
    for piece in body.split('<') {
        let (tag, rest) = piece.split_once('>').unwrap_or(("", piece));
        let inline = [
            "span", "/span", "bdi", "/bdi", "b", "/b", "strong", "/strong", "svg", "/svg", "use", "a", "/a", "time",
            "/time",
        ];
        let name = tag.split_whitespace().next().unwrap_or_default().trim_end_matches('/');
        if !inline.contains(&name) {
            text.push('\n');
        }
        text.push_str(rest);
    }
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    unescape(&lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
}
