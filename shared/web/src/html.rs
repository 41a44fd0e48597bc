//! Escaping text for HTML.

/// The text so that it can stand between tags and in quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_html_reads_is_escaped() {
        assert_eq!(super::escape("O'Brien <b> & \"Söhne\""), "O&#39;Brien &lt;b&gt; &amp; &quot;Söhne&quot;");
    }
}
