//! Text a person can trust: what would be invisible or would move other text around is shown as an escape.

/// `text` with control characters, bidirectional marks, zero-width and other invisible characters shown as `\u{…}`.
/// Newline and tab stay.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// True for characters that do not show themselves or change how their neighbours show. Ranges from the Unicode
/// property `Default_Ignorable_Code_Point` and the general categories `Cc`, `Zl`, `Zp`, `Zs` other than the space.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' | ' ' => false,
        _ if character.is_control() => true,
        _ if character.is_ascii() => false,
        '\u{00a0}' | '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{1680}'
        | '\u{17b4}' | '\u{17b5}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' => true,
        '\u{180b}'..='\u{180f}'
        | '\u{2000}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn hidden_characters_are_escaped_and_ordinary_text_is_not() {
        for (text, expected) in [
            ("ls -l\n\tgrün ✓", "ls -l\n\tgrün ✓"),
            ("a\u{1b}[2Kb", "a\\u{1b}[2Kb"),
            ("rm\u{200b} -rf", "rm\\u{200b} -rf"),
            ("\u{202e}gnp", "\\u{202e}gnp"),
            ("a\rb", "a\\u{d}b"),
            ("x\u{3000}y", "x\\u{3000}y"),
        ] {
            assert_eq!(visible(text), expected);
        }
    }
}
