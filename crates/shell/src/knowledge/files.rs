//! File programs whose words need more than roles: modes, signals, `dd`, `tar`.

use super::args::{Parsed, after};
use super::custom::After;
use super::report::Report;
use super::{Stdin, roles};
use crate::Word;
use leashd_types::{Depth, Effect, Opens, SystemChange};

pub(super) fn chmod(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if parsed.has("--help") {
        report.help = true;
        return After::Done;
    }
    if parsed.has("-R") {
        report.depth = Depth::Recursive;
    }
    let reference = parsed.value("--reference");
    // `chmod -x f`: what takes rights away looks like an option.
    let taken: String = parsed.unknown_flags.iter().filter_map(|flag| flag.strip_prefix('-')).collect();
    let takes_away = !taken.is_empty() && taken.chars().all(|letter| "rwxXst".contains(letter));
    let taken = takes_away.then(|| Word::literal(format!("-{taken}")));
    let (mode, files) = match (reference, parsed.operands.split_first()) {
        (None, _) if taken.is_some() => (taken.as_ref(), parsed.operands.as_slice()),
        (None, Some((mode, files))) => (Some(mode), files),
        _ => (None, parsed.operands.as_slice()),
    };
    let opens = match mode {
        Some(mode) => match mode.text() {
            Some(text) if opens_to_all(text) => Opens::ToEveryone,
            Some(text) => {
                if text.contains('s') && text.contains('+') || is_setuid(text) {
                    report.unclear("the file would run with its owner's rights");
                }
                Opens::No
            }
            None => {
                report.unclear("the mode cannot be told");
                Opens::ToEveryone
            }
        },
        None => Opens::No,
    };
    for file in files {
        report.permissions(file, opens);
    }
    After::Done
}

/// What a symbolic link says starts at the directory the link lies in.
pub(super) fn link(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if let [source] = parsed.operands.as_slice()
        && !parsed.has("-t")
        && let Some(name) = source.text().and_then(|text| text.trim_end_matches('/').rsplit('/').next())
    {
        // It is made here, under the same name.
        report.read(source);
        report.write_text(name);
        return After::Done;
    }
    let [source, place] = parsed.operands.as_slice() else { return After::Generic };
    let (Some(said), Some((directory, _))) = (source.text(), place.prefix().rsplit_once('/')) else {
        return After::Generic;
    };
    if !parsed.has("-s") || parsed.has("-t") || said.starts_with(['/', '~']) || place.text().is_none() {
        return After::Generic;
    }
    report.read_text(&format!("{directory}/{said}"));
    report.write(place);
    After::Done
}

/// `-m MODE` of programs that make files: what they make is open from the start.
pub(super) fn creation_mode(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let opens = parsed.value("-m").is_some_and(|mode| mode.text().is_none_or(opens_to_all));
    if opens {
        let made = if report.name.ends_with("install") && !parsed.has("-d") {
            parsed.operands.last().into_iter().collect::<Vec<_>>()
        } else {
            parsed.operands.iter().collect()
        };
        made.into_iter().for_each(|file| report.permissions(file, Opens::ToEveryone));
    }
    After::Generic
}

/// An access list opens a file if somebody else may write.
pub(super) fn setfacl(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let opens = |entry: &str| {
        let entry = entry.trim().trim_start_matches("d:").trim_start_matches("default:");
        let (who, what) = entry.rsplit_once(':').unwrap_or((entry, ""));
        let name = who.split_once(':').map_or("", |(_, name)| name);
        let everyone = matches!(who.split(':').next(), Some("o" | "other" | "others" | "m" | "mask"));
        let writes = what.contains('w') || matches!(what, "2" | "3" | "6" | "7");
        writes && (everyone || !name.is_empty())
    };
    let all = parsed.values("-m").any(|value| value.text().is_none_or(|text| text.split(',').any(opens)));
    if parsed.has("-R") {
        report.depth = Depth::Recursive;
    }
    if all {
        parsed.operands.iter().for_each(|file| report.permissions(file, Opens::ToEveryone));
    }
    After::Generic
}

fn is_setuid(text: &str) -> bool {
    text.len() == 4 && text.starts_with(['2', '4', '6']) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether everybody may write afterwards.
fn opens_to_all(mode: &str) -> bool {
    if mode.bytes().all(|byte| byte.is_ascii_digit()) {
        return mode.chars().last().and_then(|digit| digit.to_digit(8)).is_some_and(|digit| digit & 2 != 0);
    }
    mode.split(',').any(|clause| {
        let Some(at) = clause.find(['+', '=']) else { return false };
        let (who, what) = clause.split_at_checked(at).unwrap_or((clause, ""));
        // Without `who` the umask decides, which leaves others without write.
        what.contains('w') && who.contains(['a', 'o'])
    })
}

pub(super) fn kill(report: &mut Report<'_>, words: &[Word]) -> After {
    // Jobs of this very shell.
    let is_job = |word: &Word| {
        word.prefix().starts_with('%') || word.unknown_reason() == Some(crate::walk::origin::JOB)
    };
    let jobs = words.iter().filter(|word| !word.prefix().starts_with('-')).all(is_job);
    if jobs && words.iter().any(is_job) {
        return After::Done;
    }
    let asks = words.iter().any(|word| {
        matches!(word.text(), Some("-0" | "-l" | "-L" | "--list" | "--table" | "--help" | "--version" | "-V"))
    });
    let zero = words.windows(2).any(|pair| {
        matches!(pair.first().and_then(Word::text), Some("-s" | "-n"))
            && pair.get(1).and_then(Word::text) == Some("0")
    });
    if !asks && !zero && !words.is_empty() {
        report.system(SystemChange::Kill);
    }
    After::Done
}

pub(super) fn dd(report: &mut Report<'_>, words: &[Word]) -> After {
    for word in words {
        let start = word.prefix();
        if start.starts_with("if=") {
            report.read(&after(word, 3));
        } else if start.starts_with("of=") {
            roles::write(report, &after(word, 3));
        } else if matches!(start, "--help" | "--version") {
            report.help = true;
        } else if start.is_empty() {
            report.unclear("an operand of dd cannot be told");
            report.write(&Word::unknown("an operand of dd cannot be told"));
        }
    }
    After::Done
}

/// The mode is a letter, with or without a dash, in a bundle or not.
pub(super) fn tar(report: &mut Report<'_>, words: &[Word], parsed: &Parsed<'_>) -> After {
    let bundle = words.first().and_then(Word::text).filter(|text| !text.starts_with('-')).unwrap_or("");
    let letters: String = bundle.to_owned();
    let mode = |letter: char, long: &str| letters.contains(letter) || parsed.has(long);
    let extracts = mode('x', "-x");
    let creates = mode('c', "-c") || mode('r', "-r") || mode('u', "-u") || parsed.has("-A");
    let lists = mode('t', "-t") || parsed.has("-d");
    let mut operands = parsed.operands.as_slice();
    let mut archive = parsed.value("-f").cloned();
    let mut directory = parsed.value("-C").cloned();
    if !bundle.is_empty() {
        operands = operands.get(1..).unwrap_or(&[]);
        // In a bundle without a dash the values follow in the order of the letters.
        for letter in bundle.chars() {
            if matches!(letter, 'f' | 'C' | 'T' | 'X' | 'b' | 'I') {
                let (value, rest) = operands
                    .split_first()
                    .map_or((None, operands), |(value, rest)| (Some(value.clone()), rest));
                operands = rest;
                match letter {
                    'f' => archive = value,
                    'C' => directory = value,
                    'I' => value.into_iter().for_each(|value| report.script(value)),
                    _ => {}
                }
            }
        }
    }
    for action in parsed.values("--checkpoint-action") {
        let start = action.prefix();
        if start.starts_with("exec=") {
            report.script(after(action, 5));
        } else if action.text().is_none() {
            report.unclear("an action of tar cannot be told");
        }
    }
    if let Some(archive) = &archive {
        match super::hosts::of_remote(archive) {
            Some(host) => report.network(host, leashd_types::Direction::Send),
            None if creates => roles::write(report, archive),
            None => report.read(archive),
        }
    }
    if extracts && !parsed.has("-O") {
        report.write(&directory.unwrap_or_else(|| Word::literal(".")));
    } else if creates {
        let base = directory.and_then(|word| word.text().map(str::to_owned));
        for operand in operands {
            match (&base, operand.text()) {
                (Some(base), Some(text)) if !text.starts_with('/') => {
                    report.read_text(&format!("{base}/{text}"))
                }
                _ => report.read(operand),
            }
        }
        if parsed.has("--remove-files") {
            report.depth = Depth::Recursive;
            operands.iter().for_each(|operand| report.delete(operand));
        }
    } else if !lists && !extracts && parsed.unknown_sub.is_some() {
        report.unclear("what tar would do cannot be told");
    }
    After::Generic
}

pub(super) fn crontab(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if parsed.has("-l") {
        return After::Done;
    }
    let piped = !matches!(report.argv.stdin, Stdin::Inherited);
    if parsed.has("-e") || parsed.has("-r") || piped || !parsed.operands.is_empty() {
        parsed.operands.iter().for_each(|file| report.read(file));
        report.system(SystemChange::Scheduled);
    }
    After::Done
}

/// `gzip FILE` puts `FILE.gz` in the place of `FILE`.
pub(super) fn remove_source(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let prints = parsed.has("-c") || parsed.has("-t") || parsed.has("-l");
    for file in &parsed.operands {
        report.read(file);
        if !prints && file.text() != Some("-") {
            let path = report.path(file);
            report.add(Effect::Write { path });
        }
    }
    After::Generic
}

/// Without operands `mount` shows what is mounted.
pub(super) fn mount(_report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let all = parsed.unknown_flags.iter().any(|flag| matches!(flag.as_str(), "-a" | "--all"));
    if parsed.operands.is_empty() && !all { After::Done } else { After::Generic }
}

/// `chattr -R +i FILE…`: words with a sign in front are modes, the others files.
pub(super) fn chattr(report: &mut Report<'_>, words: &[Word]) -> After {
    if words.iter().any(|word| word.text().is_some_and(|text| text.starts_with('-') && text.contains('R'))) {
        report.depth = leashd_types::Depth::Recursive;
    }
    for word in words.iter().filter(|word| !word.prefix().starts_with(['-', '+', '='])) {
        report.permissions(word, leashd_types::Opens::No);
    }
    After::Done
}
