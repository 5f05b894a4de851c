//! Shells, and the programs that start other programs with changed surroundings.

use super::args::Parsed;
use super::custom::After;
use super::find::replace_mark;
use super::report::Report;
use super::{Nested, Stdin, roles};
use crate::{Part, Word};

/// At most so many commands are made from the lines xargs and parallel read.
const MOST_LINES: usize = 64;

/// `bash`, `sh`, `zsh`…: `-c` takes the first operand after all options.
pub(super) fn shell(report: &mut Report<'_>, words: &[Word]) -> After {
    let (mut code, mut only_reads, mut from_stdin) = (false, false, false);
    let mut rest = words;
    while let Some((word, tail)) = rest.split_first() {
        let Some(text) = word.text() else {
            if word.prefix().starts_with(['-', '+']) {
                report.unclear("an option of the shell cannot be told");
            }
            break;
        };
        match text {
            "--" | "-" => {
                rest = tail;
                break;
            }
            "--help" | "--version" => {
                report.help = true;
                return After::Done;
            }
            "--rcfile" | "--init-file" => {
                tail.first().into_iter().for_each(|file| nested_file(report, file));
                rest = tail.get(1..).unwrap_or(&[]);
                continue;
            }
            // fish spells it out.
            "--command" | "--init-command" => {
                code = true;
            }
            _ if text.starts_with("--") => {}
            _ if text.starts_with(['-', '+']) && text.len() > 1 => {
                let minus = text.starts_with('-');
                code |= minus && text.contains('c');
                only_reads |= minus && text.contains('n');
                from_stdin |= minus && text.contains('s');
                if text.ends_with(['o', 'O']) {
                    only_reads |= tail.first().and_then(Word::text) == Some("noexec");
                    rest = tail.get(1..).unwrap_or(&[]);
                    continue;
                }
            }
            _ => break,
        }
        rest = tail;
    }
    let first = rest.first();
    match first {
        _ if only_reads && !code => first.into_iter().for_each(|file| report.read(file)),
        Some(_) if only_reads => {}
        Some(text) if code => report.script(text.clone()),
        None if code => {}
        Some(file) if !from_stdin => match file.text() {
            Some("/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0") => stdin_is_code(report),
            _ => nested_file(report, file),
        },
        _ => stdin_is_code(report),
    }
    After::Done
}

fn stdin_is_code(report: &mut Report<'_>) {
    if !matches!(report.argv.stdin, Stdin::Inherited) {
        report.out.nested.push(Nested::StdinScript { via: report.name.to_owned() });
    }
}

fn nested_file(report: &mut Report<'_>, file: &Word) {
    report.read(file);
    report.out.nested.push(Nested::File { path: file.clone(), via: report.name.to_owned() });
}

pub(super) fn source(report: &mut Report<'_>, words: &[Word]) -> After {
    if let Some(file) = words.iter().find(|word| word.text() != Some("--")) {
        match file.text() {
            Some("/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0") => stdin_is_code(report),
            _ => nested_file(report, file),
        }
    }
    After::Done
}

/// `at`, `batch`: commands come on standard input or from `-f`.
pub(super) fn stdin_script(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if !parsed.has("-l") && !parsed.has("-c") {
        stdin_is_code(report);
        parsed.values("-f").for_each(|file| nested_file(report, file));
    }
    After::Generic
}

pub(super) fn xargs(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if parsed.has("--help") {
        report.help = true;
        return After::Done;
    }
    let mark = match (parsed.value("-I"), parsed.has("-i")) {
        (Some(mark), _) => mark.text().map(str::to_owned),
        (None, true) => Some(parsed.value("-i").and_then(Word::text).unwrap_or("{}").to_owned()),
        (None, false) => None,
    };
    let file = parsed.value("-a");
    file.into_iter().for_each(|file| report.read(file));
    let echo = [Word::literal("echo")];
    let command = if parsed.operands.is_empty() { echo.as_slice() } else { parsed.operands.as_slice() };
    let why = match (report.argv.stdin, file) {
        (Stdin::Text(text), None) => {
            let items = super::items::Items::of(parsed).read(text);
            match mark {
                Some(mark) => each_item(report, command, &mark, &items),
                None => grouped(report, command, parsed, &items),
            }
            return After::Done;
        }
        (_, Some(file)) => format!("the words in {}", file.prefix()),
        (Stdin::Opaque(origin), None) => origin.to_owned(),
        (Stdin::Inherited, None) => "what xargs reads from its standard input".to_owned(),
    };
    let added = Word::unknown(why);
    let words = match mark {
        Some(mark) => command.iter().map(|word| replace_mark(word, &mark, &added)).collect(),
        None => command.iter().cloned().chain(std::iter::once(added)).collect(),
    };
    report.command(words);
    After::Done
}

fn each_item(report: &mut Report<'_>, command: &[Word], mark: &str, items: &[String]) {
    if items.len() > MOST_LINES {
        report.unclear("more lines than are looked at");
    }
    for item in items.iter().take(MOST_LINES) {
        let item = Word::literal(item.as_str());
        report.command(command.iter().map(|word| replace_mark(word, mark, &item)).collect());
    }
}

/// The items stay the words they are: `xargs bash -c` runs the first one as code. `-n` starts a command for each group.
fn grouped(report: &mut Report<'_>, command: &[Word], parsed: &Parsed<'_>, items: &[String]) {
    let limit = ["-n", "--max-args", "-L", "--max-lines", "-l"].iter().find_map(|name| parsed.value(name));
    let size = limit.map_or(usize::MAX, |limit| limit.text().and_then(|text| text.parse().ok()).unwrap_or(1));
    let size = size.clamp(1, items.len().max(1));
    if items.len().div_ceil(size) > MOST_LINES {
        report.unclear("more lines than are looked at");
    }
    let mut groups = items.chunks(size).take(MOST_LINES).peekable();
    if groups.peek().is_none() {
        report.command(command.to_vec());
    }
    for group in groups {
        let added = group.iter().map(|item| Word::literal(item.as_str()));
        report.command(command.iter().cloned().chain(added).collect());
    }
}

/// GNU parallel: `parallel CMD ::: ARG…`, or whole commands as arguments.
pub(super) fn parallel(report: &mut Report<'_>, words: &[Word]) -> After {
    let mut rest = words;
    while let Some((word, tail)) = rest.split_first() {
        let Some(text) = word.text().filter(|text| text.starts_with('-')) else { break };
        if matches!(text, "--help" | "--version" | "--citation") {
            report.help = true;
            return After::Done;
        }
        let valued = matches!(
            text,
            "-j" | "-P"
                | "-a"
                | "-I"
                | "-N"
                | "-n"
                | "-S"
                | "--jobs"
                | "--joblog"
                | "--results"
                | "-C"
                | "--colsep"
                | "-d"
                | "--tmpdir"
                | "--delay"
                | "--timeout"
                | "--retries"
        );
        if matches!(text, "-S" | "--sshlogin") {
            report.configured("the hosts of parallel", leashd_types::Direction::Send);
        }
        rest = if valued { tail.get(1..).unwrap_or(&[]) } else { tail };
    }
    let split = rest.iter().position(|word| word.prefix().starts_with(":::")).unwrap_or(rest.len());
    let (command, args) = rest.split_at_checked(split).unwrap_or((rest, &[]));
    let args: Vec<Word> = match args.split_first() {
        Some((kind, files)) if kind.text() == Some("::::") => {
            files.iter().for_each(|file| report.read(file));
            vec![Word::unknown("the lines of a file")]
        }
        Some((_, args)) => args.iter().filter(|word| !word.prefix().starts_with(":::")).cloned().collect(),
        None => match report.argv.stdin {
            Stdin::Text(text) => text.lines().map(Word::literal).collect(),
            Stdin::Opaque(origin) => vec![Word::unknown(origin)],
            Stdin::Inherited => Vec::new(),
        },
    };
    if args.len() > MOST_LINES {
        report.unclear("more arguments than are looked at");
    }
    for arg in args.iter().take(MOST_LINES) {
        one_job(report, command, arg);
    }
    if args.is_empty() && !command.is_empty() {
        one_job(report, command, &Word::default());
    }
    After::Done
}

/// parallel hands its line to a shell.
fn one_job(report: &mut Report<'_>, command: &[Word], arg: &Word) {
    if command.is_empty() {
        report.script(arg.clone());
        return;
    }
    let used = command.iter().any(|word| word.text().is_some_and(|text| text.contains("{}")));
    let mut line = Word::default();
    for (at, word) in command.iter().map(|word| replace_mark(word, "{}", arg)).enumerate() {
        if at > 0 {
            line.push(Part::Text(" ".to_owned()));
        }
        word.parts().iter().for_each(|part| line.push(part.clone()));
    }
    if !used {
        line.push(Part::Text(" ".to_owned()));
        arg.parts().iter().for_each(|part| line.push(part.clone()));
    }
    report.script(line);
}

/// `su [-] [USER] [-c CODE]`: root unless a user is named, and then that user.
pub(super) fn su(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if parsed.has("--help") {
        report.help = true;
        return After::Done;
    }
    report.privilege(report.name);
    parsed.values("-c").for_each(|code| report.script(code.clone()));
    if !parsed.has("-c") {
        stdin_is_code(report);
    }
    After::Done
}

pub(super) fn sudo(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let asks = ["--help", "-V", "-h"];
    if asks.iter().any(|name| parsed.has(name)) && parsed.operands.is_empty() {
        report.help = true;
        return After::Done;
    }
    report.privilege(report.name);
    if parsed.has("-e") {
        parsed.operands.iter().for_each(|file| roles::write(report, file));
        return After::Done;
    }
    super::wrappers::assignments_then_command(report, parsed)
}
