//! Path rules: from gitignore notation to a pattern on real, absolute paths.

use super::yaml::Draft;
use super::{READERS, WRITERS};
use leashd_types::Decision;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Edit,
}

/// What a path in a rule is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// `//etc/x`, `~/x`.
    Fixed,
    /// `/x`, `./x`, `x`: the project, wherever that is.
    Project,
}

pub(super) fn draft(access: Access, spec: &str, action: Decision, home: &str) -> Result<Draft, String> {
    let (pattern, base) = pattern(spec, home)?;
    let draft = Draft::new(action);
    if action != Decision::Allow {
        // A rule about effects holds for every tool, the shell included.
        let effects: &[&str] = match access {
            Access::Read => &["read"],
            Access::Edit => &["write", "delete", "permissions"],
        };
        return Ok(draft.effects(effects).path_patterns(vec![pattern]).noting(
            "in Claude Code this was about its file tools; here it holds for shell commands too".to_owned(),
        ));
    }
    let tools: &[&str] = match access {
        Access::Read => &READERS,
        Access::Edit => &WRITERS,
    };
    let draft =
        draft.tools(tools.iter().map(|tool| (*tool).to_owned()).collect()).path_patterns(vec![pattern]);
    Ok(match base {
        Base::Project => draft
            .places(&["inside-project"])
            .noting("matches at any depth inside the approved directories".to_owned()),
        Base::Fixed => draft.noting(
            "file tools never leave the approved directories: add what lies outside to LEASHD_APPROVED_DIRECTORIES"
                .to_owned(),
        ),
    })
}

/// A pattern for the real path, and what the path is relative to.
fn pattern(spec: &str, home: &str) -> Result<(String, Base), String> {
    if spec.contains(['\\', '[', ']', '{', '}', '!', '\n']) {
        return Err("brackets, braces, `!` and `\\` in paths are not translated".to_owned());
    }
    let (start, rest, base) = if let Some(rest) = spec.strip_prefix("//") {
        ("^/".to_owned(), rest, Base::Fixed)
    } else if let Some(rest) = spec.strip_prefix("~/") {
        (format!("^{}/", regex_syntax::escape(home.trim_end_matches('/'))), rest, Base::Fixed)
    } else if let Some(rest) = spec.strip_prefix("./").or_else(|| spec.strip_prefix('/')) {
        ("/".to_owned(), rest, Base::Project)
    } else {
        ("/".to_owned(), spec, Base::Project)
    };
    if rest.split('/').any(|part| part == "..") || rest.starts_with('~') {
        return Err("the path leaves its directory or names another person's home".to_owned());
    }
    let rest = rest.trim_end_matches('/');
    let whole = rest.strip_suffix("/**").unwrap_or(rest);
    let middle = match whole {
        "**" | "" => String::new(),
        whole => format!("{}(?:/.*)?$", translated(whole)),
    };
    Ok((format!("{start}{middle}"), base))
}

/// `**` is any run of directories, `*` any run inside one name, `?` one character of a name.
fn translated(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**/") {
            out.push_str("(?:.*/)?");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            out.push_str(".*");
            rest = after;
        } else {
            match first {
                '*' => out.push_str("[^/]*"),
                '?' => out.push_str("[^/]"),
                other => out.push_str(&regex_syntax::escape(&other.to_string())),
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    out
}
