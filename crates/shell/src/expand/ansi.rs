//! Escapes: `$'…'`, and what `echo -e` and `printf` make of a backslash.

/// Decodes the inside of `$'…'`. Nothing if the bytes are not text.
pub(crate) fn decode(raw: &str) -> Option<String> {
    if !raw.contains('\\') {
        return Some(raw.to_owned());
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some((&letter, after)) = rest.split_first() else {
            bytes.push(b'\\');
            break;
        };
        if letter == b'c' {
            let Some((&control, after)) = after.split_first() else { break };
            bytes.push(control.to_ascii_uppercase() & 0x1f);
            rest = after;
        } else {
            rest = escape(letter, after, &mut bytes, Dialect::Quotes);
        }
    }
    // Bash ends the string at a NUL.
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    String::from_utf8(bytes).ok()
}

/// Where an escape stands: the octal forms differ, and so do the quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `$'…'` and the format of `printf`: `\nnn`.
    Quotes,
    /// `echo -e`: `\0nnn`.
    Echo,
    /// `%b` of `printf`: both.
    Argument,
}

/// Decodes one escape whose letter has been read; returns what is left.
pub(crate) fn escape<'a>(letter: u8, rest: &'a [u8], out: &mut Vec<u8>, dialect: Dialect) -> &'a [u8] {
    let plain = match letter {
        b'a' => 7,
        b'b' => 8,
        b'e' | b'E' => 27,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        b'\'' | b'"' | b'?' if dialect == Dialect::Quotes => letter,
        b'0'..=b'7' => return octal(letter, rest, out, dialect),
        b'x' => return hex(letter, rest, out, 2),
        b'u' => return hex(letter, rest, out, 4),
        b'U' => return hex(letter, rest, out, 8),
        _ => {
            out.push(b'\\');
            letter
        }
    };
    out.push(plain);
    rest
}

fn octal<'a>(letter: u8, rest: &'a [u8], out: &mut Vec<u8>, dialect: Dialect) -> &'a [u8] {
    if dialect == Dialect::Echo && letter != b'0' {
        out.extend([b'\\', letter]);
        return rest;
    }
    let most = if dialect != Dialect::Quotes && letter == b'0' { 3 } else { 2 };
    let digits = rest.iter().take(most).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let mut value = u32::from(letter - b'0');
    for &byte in rest.iter().take(digits) {
        value = value * 8 + u32::from(byte - b'0');
    }
    out.push(u8::try_from(value & 0xff).unwrap_or_default());
    rest.get(digits..).unwrap_or(&[])
}

fn hex<'a>(letter: u8, rest: &'a [u8], out: &mut Vec<u8>, most: usize) -> &'a [u8] {
    let digits = rest.iter().take(most).take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits == 0 {
        out.extend([b'\\', letter]);
        return rest;
    }
    let value = rest
        .iter()
        .take(digits)
        .filter_map(|&byte| char::from(byte).to_digit(16))
        .fold(0_u32, |value, digit| (value << 4) | digit);
    if letter == b'x' {
        out.push(u8::try_from(value & 0xff).unwrap_or_default());
    } else if let Some(char) = char::from_u32(value) {
        let mut buffer = [0; 4];
        out.extend(char.encode_utf8(&mut buffer).as_bytes());
    } else {
        // Not a character: bash writes bytes that are not text.
        out.push(0xff);
    }
    rest.get(digits..).unwrap_or(&[])
}
