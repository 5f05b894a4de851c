//! Interpreters, editors, package managers and service clients whose options mean more than a role each.

use super::args::Parsed;
use super::custom::After;
use super::hosts;
use super::report::Report;
use super::spec::Action;
use crate::Word;
use leashd_types::{CodeSource, Direction, Host};

/// The language an interpreter's standard input is in.
fn language(name: &str) -> &'static str {
    match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "python" | "pypy" | "ipython" | "bpython" => "python",
        "node" | "nodejs" | "deno" | "bun" | "tsx" | "ts-node" | "qjs" => "node",
        "perl" | "raku" => "perl",
        "ruby" | "irb" | "jruby" => "ruby",
        "php" => "php",
        "lua" | "luajit" => "lua",
        _ => "other",
    }
}

/// Without code and without a file, the code comes on standard input.
pub(super) fn interpreter(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let is_code =
        |hit: &super::args::Hit<'_>| hit.flag.actions.iter().any(|action| matches!(action, Action::Code(_)));
    let given = parsed.hits.iter().any(is_code);
    let is_file = |hit: &super::args::Hit<'_>| {
        hit.flag.actions.iter().any(|action| matches!(action, Action::Script(_)))
    };
    let asks = parsed.has("--help") || parsed.has("-v");
    if !given && !asks && !parsed.hits.iter().any(is_file) && parsed.operands.is_empty() {
        report.stdin_code(language(report.name));
    }
    if given {
        inline(report, parsed);
        return After::Done;
    }
    After::Generic
}

/// Inline code, and the words after it: its arguments, or the files it is run over.
fn inline(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    let mut takes_words = parsed.has("-n") || parsed.has("-p") && !parsed.has("--print");
    let mut changed = Word::default();
    if parsed.has("-i") && matches!(language(report.name), "perl" | "ruby") {
        takes_words = true;
        changed = Word::literal("-i");
    }
    for hit in &parsed.hits {
        let Some(value) = &hit.value else { continue };
        for action in &hit.flag.actions {
            match action {
                Action::Code(language) => {
                    super::code::inline_with(report, language, value, &parsed.operands);
                    takes_words |= value.text().is_none_or(|code| reads_arguments(language, code));
                }
                action => super::roles::act(report, action, value, &[]),
            }
        }
    }
    if takes_words {
        for file in &parsed.operands {
            report.read(file);
            if !changed.parts().is_empty() {
                report.write(file);
            }
        }
    }
}

/// Whether code can reach the words after it. Languages nobody reads here always can.
fn reads_arguments(language: &str, code: &str) -> bool {
    let ways: &[&str] = match language {
        "python" => &["argv", "fileinput", "argparse", "open(0", "getopt"],
        "node" => &["argv"],
        "perl" => &["<>", "<<>>", "ARGV", "shift", "pop", "eof", "readline", "@_", "-p", "-n"],
        "ruby" => &["ARGF", "ARGV", "gets", "readline", "$<", "$*", "each_line"],
        "php" => &["argv", "getopt", "argn"],
        "lua" => &["arg", "...", "io."],
        _ => return true,
    };
    ways.iter().any(|way| code.contains(way))
}

/// `python -m MODULE` names a tool.
pub(super) fn python(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let Some(module) = parsed.value("-m") else { return interpreter(report, parsed) };
    let Some(name) = module.text() else {
        report.unclear("the module python would run cannot be told");
        return After::Done;
    };
    let args = parsed.operands.as_slice();
    match name {
        "json.tool" => {
            args.first()
                .filter(|word| !word.prefix().starts_with('-'))
                .into_iter()
                .for_each(|file| report.read(file));
            args.get(1)
                .filter(|word| !word.prefix().starts_with('-'))
                .into_iter()
                .for_each(|file| report.write(file));
        }
        "http.server" | "SimpleHTTPServer" => {
            let directory = args.windows(2).find_map(|pair| match pair {
                [flag, directory] if matches!(flag.text(), Some("-d" | "--directory")) => Some(directory),
                _ => None,
            });
            report.read(directory.unwrap_or(&Word::literal(".")));
            report.network(Host::Named("localhost".to_owned()), Direction::Listen);
        }
        "dulwich" => {
            let words = std::iter::once(Word::literal("git")).chain(args.iter().cloned()).collect();
            report.command(words);
        }
        "venv" | "virtualenv" => args
            .iter()
            .filter(|word| !word.prefix().starts_with('-'))
            .for_each(|directory| report.write(directory)),
        "timeit" => timed(report, args),
        "this" | "platform" | "sysconfig" | "site" | "tokenize" | "ast" | "dis" | "calendar" => {}
        "py_compile" | "compileall" | "zipfile" | "tarfile" | "cProfile" | "pdb" | "trace" | "unittest"
        | "doctest" => {
            report.runs_project("python");
        }
        _ if super::knows(name) => {
            let words = std::iter::once(Word::literal(name)).chain(args.iter().cloned()).collect();
            report.command(words);
        }
        _ => {
            report.runs(CodeSource::Package { name: name.to_owned() });
        }
    }
    After::Done
}

/// `python -m timeit [-s CODE] CODE…`.
fn timed(report: &mut Report<'_>, args: &[Word]) {
    let mut rest = args;
    while let Some((word, tail)) = rest.split_first() {
        rest = tail;
        match word.text() {
            Some("-n" | "-r" | "-u" | "--number" | "--repeat" | "--unit") => {
                rest = tail.get(1..).unwrap_or(&[])
            }
            Some("-s" | "--setup") => {}
            Some(text) if text.starts_with("-s") => {
                super::code::inline(report, "python", &super::args::after(word, 2));
            }
            Some(text) if text.starts_with("--setup=") => {
                super::code::inline(report, "python", &super::args::after(word, "--setup=".len()));
            }
            Some(text) if text.starts_with('-') => {}
            _ => super::code::inline(report, "python", word),
        }
    }
}

pub(super) fn openssl(report: &mut Report<'_>, words: &[Word]) -> After {
    let name = words.first().and_then(|word| word.text()).unwrap_or("");
    for pair in words.windows(2) {
        let [flag, value] = pair else { continue };
        match flag.text() {
            Some(
                "-in" | "-inkey" | "-CAfile" | "-cert" | "-key" | "-config" | "-CA" | "-CAkey" | "-certfile"
                | "-signkey",
            ) => report.read(value),
            Some("-out" | "-keyout" | "-writerand") => report.write(value),
            Some("-connect") => {
                let host = hosts::of_authority(value.prefix());
                report.network(host, Direction::Send);
            }
            Some("-engine" | "-provider" | "-provider-path") => report.runs_file(value),
            _ => {}
        }
    }
    if matches!(name, "s_server" | "ocsp") {
        report.network(Host::Named("localhost".to_owned()), Direction::Listen);
    }
    if matches!(name, "dgst" | "md5" | "sha1" | "sha256" | "sha512" | "verify")
        && let Some(file) = words.last().filter(|word| words.len() > 1 && !word.prefix().starts_with('-'))
    {
        report.read(file);
    }
    After::Done
}
