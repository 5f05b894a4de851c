//! Build tools whose words are recipes: `make` variables and text, the toolbox of `cmake -E`.

use super::Stdin;
use super::args::Parsed;
use super::custom::After;
use super::report::Report;
use crate::Word;
use leashd_types::CodeSource;

/// Variables of makefiles that hold a program.
const TOOLS: &[&str] = &[
    "CC", "CXX", "CPP", "LD", "AR", "AS", "NM", "RANLIB", "STRIP", "OBJCOPY", "FC", "CARGO", "RUSTC", "GO",
    "NODE", "NPM", "PYTHON", "PYTHON3", "PIP", "PERL", "RUBY", "RM", "CP", "MV", "INSTALL", "MAKE", "CMAKE",
    "DOCKER", "GIT", "BASH", "SH",
];

/// `make VAR=value`: a variable can replace any tool a recipe names.
pub(super) fn make(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for text in parsed.values("--eval") {
        match text.text() {
            Some(text) => recipes(report, text),
            None => report.unclear("makefile text on the command line cannot be told"),
        }
    }
    for file in parsed.values("-f") {
        match (file.text(), report.argv.stdin) {
            (Some("-" | "/dev/stdin"), Stdin::Text(text)) => recipes(report, text),
            (Some("-" | "/dev/stdin"), Stdin::Opaque(origin)) => {
                report.runs(CodeSource::Piped { interpreter: "make".to_owned(), origin: origin.to_owned() });
            }
            _ => {
                report.read(file);
                report.runs_file(file);
            }
        }
    }
    for operand in &parsed.operands {
        let Some((name, _)) = operand.prefix().split_once('=') else { continue };
        let value = super::args::after(operand, name.len() + 1);
        match name.trim_end_matches([':', '?', '+', '!']) {
            // The shell and its options stand before every recipe.
            "SHELL" => report.script(value),
            ".SHELLFLAGS" => report.script(super::wrappers::joined(&[Word::literal("sh"), value])),
            // A tool of the recipes, with its options.
            name if TOOLS.contains(&name) || name.ends_with("_CMD") || name.ends_with("_COMMAND") => {
                report.script(value);
            }
            // What a recipe puts on its command line can end a command there.
            _ if value.prefix().contains([';', '|', '&', '`', '\n']) || value.prefix().contains("$$(") => {
                let mut line = Word::literal(": ");
                value.parts().iter().for_each(|part| line.push(part.clone()));
                report.script(line);
            }
            _ if name.ends_with('!') || operand.prefix().contains("$(shell") => report.script(value),
            _ => {}
        }
    }
    for directory in parsed.values("-C") {
        report.read(directory);
    }
    After::Generic
}

/// `$(shell …)` that are looked at on one line of makefile text.
const MOST_SHELL_CALLS: usize = 32;

/// The commands of makefile text: after a tab, after `target:…;`, in `$(shell …)` and `!=`.
fn recipes(report: &mut Report<'_>, text: &str) {
    for line in text.lines().flat_map(|line| line.split("\\n")) {
        let mut rest = line;
        let mut left = MOST_SHELL_CALLS;
        while let Some((_, tail)) = rest.split_once("$(shell ") {
            left -= 1;
            if left == 0 {
                report.unclear("makefile text with more shell calls than are looked at");
                return;
            }
            let code = tail.rsplit_once(')').map_or(tail, |(code, _)| code);
            report.script_text(code);
            rest = tail;
        }
        let recipe = match line.strip_prefix('\t') {
            Some(recipe) => Some(recipe),
            None => line.split_once(':').and_then(|(_, rest)| rest.split_once(';')).map(|(_, recipe)| recipe),
        };
        if let Some(recipe) = recipe {
            report.script_text(recipe.trim().trim_start_matches(['@', '-', '+']));
        } else if let Some((_, code)) = line.split_once("!=") {
            report.script_text(code.trim());
        }
    }
}

/// `cmake -E COMMAND …` is a set of file tools under other names.
pub(super) fn cmake(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if !parsed.has("-E") {
        return After::Generic;
    }
    let Some((tool, rest)) = parsed.operands.split_first() else { return After::Done };
    let tools: &[&str] = match tool.text() {
        Some("rm") => &["rm"],
        Some("remove") => &["rm", "-f"],
        Some("rm_rf" | "remove_directory") => &["rm", "-rf"],
        Some("copy" | "copy_if_different" | "copy_if_newer") => &["cp"],
        Some("copy_directory" | "copy_directory_if_different") => &["cp", "-r"],
        Some("rename") => &["mv"],
        Some("env") => &["env"],
        Some("chdir") => &["env", "-C"],
        Some("time") => &["time"],
        Some("tar") => &["tar"],
        Some("touch" | "touch_nocreate") => &["touch"],
        Some("create_symlink") => &["ln", "-s"],
        Some("create_hardlink") => &["ln"],
        Some("make_directory") => &["mkdir", "-p"],
        Some("cat") => &["cat"],
        Some("compare_files") => &["cmp"],
        Some("environment") => &["printenv"],
        Some(
            "echo" | "echo_append" | "sleep" | "capabilities" | "true" | "false" | "md5sum" | "sha1sum"
            | "sha256sum" | "sha512sum",
        ) => {
            return After::Done;
        }
        _ => {
            report.unclear("what this tool of cmake would do is not known");
            return After::Done;
        }
    };
    report.command(tools.iter().map(|word| Word::literal(*word)).chain(rest.iter().cloned()).collect());
    After::Done
}

/// A class is looked for on the class path; a file is run as it is.
pub(super) fn java(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let rewrites = |jar: &Word| jar.prefix().rsplit('/').next().is_some_and(|name| name.starts_with("bfg"));
    if parsed.value("-jar").is_some_and(rewrites) {
        report.git(leashd_types::GitOperation::Rewrite);
    }
    let class = parsed
        .operands
        .first()
        .filter(|word| !word.prefix().ends_with(".java") && !word.prefix().ends_with(".jar"));
    if class.is_none() || parsed.has("-jar") {
        return After::Generic;
    }
    let mut places = 0;
    for name in ["-cp", "-classpath", "--class-path", "-p", "--module-path"] {
        for place in parsed.values(name) {
            places += 1;
            match place.text() {
                Some(text) => text.split(':').filter(|part| !part.is_empty()).for_each(|part| {
                    report.runs_file(&Word::literal(part.trim_end_matches(['*', '/'])));
                }),
                None => report.runs_file(place),
            }
        }
    }
    if places == 0 {
        report.runs_project("java");
    }
    for agent in ["-javaagent", "-agentpath"].iter().flat_map(|name| parsed.values(name)) {
        report.runs_file(agent);
    }
    After::Done
}
