//! Which host a URL or a `user@host:path` names. Knows the spellings that hide one (userinfo, ports, brackets, numbers
//! in other bases); does not resolve names.

use crate::Word;
use leashd_types::Host;

/// The host of a URL as `curl` reads it: the scheme may be missing.
pub(super) fn of_url(word: &Word) -> Host {
    let text = word.prefix();
    let complete = word.text().is_some();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']);
    if end.is_none() && !complete {
        let why = word.unknown_reason().unwrap_or("the address is a pattern");
        return Host::Unknown(why.to_owned());
    }
    let authority = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
    of_authority(authority)
}

/// `user:password@host:port`, `[::1]:80`.
pub(super) fn of_authority(authority: &str) -> Host {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split_once(']').map_or_else(
            || Host::Unknown(format!("`{authority}` is not an address")),
            |(inside, _)| normal(inside, authority),
        );
    }
    let colons = host.bytes().filter(|&byte| byte == b':').count();
    let host = if colons == 1 { host.split_once(':').map_or(host, |(host, _)| host) } else { host };
    normal(host, authority)
}

/// Checks the characters, lowers the case, writes numbers as a dotted address.
fn normal(host: &str, shown: &str) -> Host {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(plain) {
        return Host::Unknown(format!("`{}` does not name one host", shown.escape_debug()));
    }
    Host::Named(dotted(&host).unwrap_or(host))
}

/// `2130706433`, `0x7f.1`, `0177.0.0.1` as the system's resolver reads them.
fn dotted(host: &str) -> Option<String> {
    let numbers = host.split('.').map(number).collect::<Option<Vec<u64>>>()?;
    let (last, first) = numbers.split_last()?;
    if first.len() > 3 || first.iter().any(|&part| part > 255) {
        return None;
    }
    let free = 4_u32.checked_sub(u32::try_from(first.len()).ok()?)?;
    if *last >= 256_u64.checked_pow(free)? {
        return None;
    }
    let high = first.iter().enumerate().fold(0_u64, |sum, (at, part)| sum | part << (24 - 8 * at));
    let all = high | last;
    Some(format!("{}.{}.{}.{}", all >> 24 & 255, all >> 16 & 255, all >> 8 & 255, all & 255))
}

fn number(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return u64::from_str_radix(text, 8).ok();
    }
    text.parse().ok()
}

/// `[user@]host:path` of scp and rsync, `rsync://host/path`: the host, if the word is not a local path.
pub(super) fn of_remote(word: &Word) -> Option<Host> {
    let text = word.prefix();
    if text.contains("://") {
        return Some(of_url(word));
    }
    let colon = text.find(':')?;
    let before = text.get(..colon)?;
    (!before.contains('/') && !before.is_empty()).then(|| of_authority(before))
}
