//! Where somebody is in a numbered list that is short enough for "previous" and "next".

use url::form_urlencoded::Serializer;

/// The links below a list.
pub(crate) struct Numbered {
    /// "Page 2 of 9"; nothing when there is one page only.
    pub(crate) text: String,
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
}

impl Numbered {
    /// The links of a page of the list at an address; `kept` are the other parameters that the list has.
    pub(crate) fn new(address: &str, kept: &[(&str, &str)], page: u32, pages: u32) -> Self {
        let to = |page: u32| link(address, kept, &[("page", &page.to_string())]);
        Self {
            text: if pages > 1 { format!("Page {page} of {pages}") } else { String::new() },
            previous: (page > 1).then(|| to(page - 1)),
            next: (page < pages).then(|| to(page + 1)),
        }
    }
}

/// An address with parameters; empty ones are left out.
pub(crate) fn link(address: &str, kept: &[(&str, &str)], more: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(kept.iter().chain(more).filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::Numbered;

    #[test]
    fn the_first_and_the_last_page_end_the_list() {
        let first = Numbered::new("/x", &[("q", "a&b"), ("view", "")], 1, 2);
        assert_eq!((first.previous, first.next.as_deref()), (None, Some("/x?q=a%26b&page=2")));
        let last = Numbered::new("/x", &[], 2, 2);
        assert_eq!((last.previous.as_deref(), last.next, last.text.as_str()), (Some("/x?page=1"), None, "Page 2 of 2"));
        assert_eq!(Numbered::new("/x", &[], 1, 1).text, "");
    }
}
