//! Rules about everything that is not code: policies, the changelog, links, whitespace, stray paths.

use super::Findings;
use super::tree::Tree;
use super::words::in_word;

/// Roots of paths that only exist on somebody's machine, each with the directories where such a path is meant.
const MACHINES: [(&str, &[&str]); 4] = [
    ("/home/", &["corpus/"]),
    ("/Users/", &["corpus/"]),
    (concat!("/wo", "rk/"), &["corpus/"]),
    // Root's home is among the things that are judged.
    (concat!("/ro", "ot/"), &["corpus/", "policies/", "crates/policy/", "crates/shell/", "crates/sandbox/"]),
];

/// People of examples; their homes are no one's machine.
const EXAMPLE_PEOPLE: [&str; 8] = ["dev", "user", "u", "me", "alice", "bob", "you", "other"];

/// Data as a program or a person typed it: taken as it is.
const VERBATIM: [&str; 2] = ["corpus/", "LICENSE"];

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    policies(tree, findings);
    changelog(tree, findings);
    for (name, text) in tree.texts() {
        for (line, content) in (1..).zip(text.lines()) {
            whitespace(name, line, content, findings);
            machine_paths(name, line, content, findings);
        }
        if name.ends_with(".md") {
            links(tree, name, text, findings);
        }
    }
}

/// A policy that no source includes is not in the binary.
fn policies(tree: &Tree, findings: &mut Findings) {
    let in_directory =
        |it: &&str| it.starts_with("policies/") && !it.trim_start_matches("policies/").contains('/');
    for name in tree.files.keys().map(String::as_str).filter(in_directory) {
        if name.ends_with(".yml") {
            findings.add(name, 1, "policies end in .yaml", "rename it");
        }
        let included = |(file, text): (&str, &str)| {
            file.starts_with("crates/") && file.ends_with(".rs") && text.contains(&format!("{name}\""))
        };
        if name.ends_with(".yaml") && !tree.texts().any(included) {
            findings.add(
                name,
                1,
                "the policy is in no binary",
                "embed it with include_str!, beside the others",
            );
        }
    }
}

fn changelog(tree: &Tree, findings: &mut Findings) {
    const NAME: &str = "CHANGELOG.md";
    let Some(text) = tree.text(NAME) else {
        findings.add(NAME, 1, "there is no changelog", "add one with a section `## Unreleased`");
        return;
    };
    let is_section = |line: &str| {
        let title = line.strip_prefix("## ").unwrap_or_default().trim_start_matches('[');
        title.starts_with("Unreleased") || title.starts_with(|c: char| c.is_ascii_digit())
    };
    if !text.lines().any(is_section) {
        findings.add(NAME, 1, "no section for a version", "add `## Unreleased`, or `## 1.2.3` with its date");
    }
}

fn whitespace(name: &str, line: usize, content: &str, findings: &mut Findings) {
    let verbatim = VERBATIM.iter().any(|it| name.starts_with(it));
    if !verbatim && content.ends_with(char::is_whitespace) {
        findings.add(name, line, "whitespace at the end of the line", "remove it");
    }
}

fn machine_paths(name: &str, line: usize, content: &str, findings: &mut Findings) {
    for (root, meant) in MACHINES {
        if meant.iter().any(|it| name.starts_with(it)) {
            continue;
        }
        for (at, _) in content.match_indices(root) {
            let (before, rest) = content.split_at_checked(at).unwrap_or_default();
            let inside = before
                .ends_with(|c: char| in_word(c) || matches!(c, '/' | '.' | '-' | '~' | '}' | ')' | '*'));
            let path: String =
                rest.chars().take_while(|c| in_word(*c) || matches!(c, '/' | '.' | '-')).collect();
            let person = path.strip_prefix(root).and_then(|it| it.split('/').next()).unwrap_or_default();
            // A bare root is a place people know, and a pattern names nobody.
            if !inside && !person.is_empty() && !EXAMPLE_PEOPLE.contains(&person) {
                let fix = "write it relative to the repository, or for an example below /home/dev";
                findings.add(name, line, format!("`{path}` is a path of somebody's machine"), fix);
            }
        }
    }
}

/// Links to files: `[text](target)`, not in code.
fn links(tree: &Tree, name: &str, text: &str, findings: &mut Findings) {
    let mut fenced = false;
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between backticks is code.
        let prose: String = content.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for target in prose.split("](").skip(1).filter_map(|it| it.split(')').next()) {
            let path = target.split(['#', ' ']).next().unwrap_or_default();
            let elsewhere = path.contains("://") || path.starts_with("mailto:");
            if path.is_empty() || elsewhere {
                continue;
            }
            if !resolve(name, path).is_some_and(|it| it.is_empty() || tree.holds(&it)) {
                findings.add(
                    name,
                    line,
                    format!("the link to `{target}` leads nowhere"),
                    "mend or remove it",
                );
            }
        }
    }
}

/// The path of a link from the root; `None` when it leaves the repository.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = if link.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    // The last part is the file that holds the link.
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
