//! Characters that do not show, or show as something else: what a person reads would not be what runs.

/// Why a line cannot be taken as it looks, with the characters escaped.
pub(crate) fn reason(line: &str) -> Option<String> {
    let plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n');
    if line.bytes().all(plain) {
        return None;
    }
    let mut found: Vec<char> = line.chars().filter(|&char| hides(char)).collect();
    found.sort_unstable();
    found.dedup();
    found.truncate(8);
    if found.is_empty() {
        return None;
    }
    let names: Vec<String> = found.iter().map(|char| char.escape_unicode().to_string()).collect();
    Some(format!("characters that do not show: {}", names.join(" ")))
}

fn hides(char: char) -> bool {
    matches!(
        char,
        // Control characters, carriage returns among them: bash takes one for a part of the word.
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Soft hyphen, combining joiner, Arabic letter mark, Hangul and Khmer fillers, Mongolian separator.
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        // Zero width and directional marks, separators of lines, invisible operators.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        // Tags, and the character that stands for a hole in code.
        | '\u{e0000}'..='\u{e007f}' | '\u{f8ff}'
    )
}
