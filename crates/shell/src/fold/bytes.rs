//! Text that hides text: base64, base32, hexadecimal.

/// Decodes base64; nothing if it is not, or not text.
pub(crate) fn base64(text: &str) -> Option<String> {
    decode(text, 6, |byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    })
}

pub(super) fn base32(text: &str) -> Option<String> {
    decode(text, 5, |byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    })
}

fn decode(text: &str, width: u32, value: impl Fn(u8) -> Option<u8>) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        if byte == b'=' {
            break;
        }
        buffer = ((buffer << width) | u32::from(value(byte)?)) & 0xffff;
        bits += width;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

/// `xxd -r -p`
pub(crate) fn hexadecimal(text: &str) -> Option<String> {
    let digits: Option<Vec<u32>> =
        text.chars().filter(|char| !char.is_whitespace()).map(|char| char.to_digit(16)).collect();
    let bytes: Option<Vec<u8>> = digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect();
    String::from_utf8(bytes?).ok()
}

/// `xxd -r` of a dump with offsets: `00000000: 726d 202d  rm -`.
pub(super) fn dump(text: &str) -> Option<String> {
    let mut digits = String::new();
    for line in text.lines() {
        let (_, rest) = line.split_once(':')?;
        let columns = rest.trim_start().split("  ").next()?;
        digits.extend(columns.chars().filter(char::is_ascii_hexdigit));
    }
    hexadecimal(&digits)
}
