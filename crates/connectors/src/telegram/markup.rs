//! Small pieces of Telegram's HTML, and their length as Telegram counts it. Knows no message.

/// UTF-16 units a text takes.
pub(crate) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text without meaning as HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

pub(crate) fn bold(text: &str) -> String {
    format!("<b>{}</b>", escape(text))
}

pub(crate) fn italic(text: &str) -> String {
    format!("<i>{}</i>", escape(text))
}

pub(crate) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

pub(crate) fn block(text: &str) -> String {
    format!("<pre>{}</pre>", escape(text))
}

/// What is left of our own HTML where Telegram does not take it.
pub(crate) fn without_markup(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// The beginning of a text, of at most so many UTF-16 units; what is missing is said.
pub(crate) fn clip(text: &str, most: usize) -> String {
    let all = units(text);
    if all <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut length = 0_usize;
    for character in text.chars() {
        length = length.saturating_add(character.len_utf16());
        // Room for the sign of the cut.
        if length.saturating_add(1) > most {
            break;
        }
        kept.push(character);
    }
    format!("{kept}…")
}

/// As many whole lines as fit into so many UTF-16 units, and how many do not.
pub(crate) fn fit(lines: &[String], most: usize) -> (Vec<String>, usize) {
    let mut kept = Vec::new();
    let mut length = 0_usize;
    for line in lines {
        length = length.saturating_add(units(line)).saturating_add(1);
        if length > most {
            break;
        }
        kept.push(line.clone());
    }
    let left = lines.len().saturating_sub(kept.len());
    (kept, left)
}

#[cfg(test)]
mod tests {
    use super::{bold, clip, code, escape, fit, units, without_markup};

    #[test]
    fn lengths_are_those_of_telegram() {
        assert_eq!(units("a🙂"), 3);
        assert_eq!(clip("🙂🙂🙂", 5), "🙂🙂…");
        assert_eq!(clip("🙂🙂", 4), "🙂🙂");
        assert_eq!(escape("<a href=\"x\">&</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;");
        let html = format!("{}: {}", bold("a < b && c"), code("&lt;\"x\""));
        assert_eq!(without_markup(&html), "a < b && c: &lt;\"x\"");
        let lines = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
        assert_eq!(fit(&lines, 8), (lines[..2].to_vec(), 1));
        assert_eq!(fit(&lines, 100).1, 0);
    }
}
