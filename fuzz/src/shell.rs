//! The reader of shell lines: total, bounded, the same every time, and nothing that comes later on a line hides what
//! comes first.

use crate::facts::{HOME, PROJECT};
use leashd_shell::{Analysis, Env, Word, analyze};
use leashd_types::FileText;
use std::collections::BTreeMap;

/// What separates the line from the text of the script it may name.
const SEPARATOR: char = '\u{1e}';
const SCRIPT: &str = "/home/dev/proj/run.sh";

// The promised limits, written down a second time: a fuzzer that reads them from the code believes every change.
const COMMANDS: usize = 20_000;
const WORDS: usize = 10_000;
const WORD_BYTES: usize = 256 * 1024;
/// All words of all commands.
const TEXT_BYTES: usize = 32 << 20;

/// A command that has to be seen, whatever follows it.
const FIRST: &str = "rm -rf /";

pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (line, script) = text.split_once(SEPARATOR).unwrap_or((&text, "echo script"));
    let files = BTreeMap::from([(SCRIPT.to_owned(), FileText::Text(script.to_owned()))]);
    let env = Env { cwd: PROJECT, home: HOME, files: &files };
    let analysis = analyze(line, &env);
    within_limits(line, &analysis);
    assert!(analysis == analyze(line, &env), "the same line, read twice, is not the same");
    let longer = analyze(&format!("{FIRST}\n{line}"), &env);
    let is_first = |words: &[Word]| words.iter().map(Word::text).eq(FIRST.split(' ').map(Some));
    let seen = longer.commands.iter().any(|command| is_first(&command.words));
    assert!(seen || !longer.unclear.is_empty(), "`{FIRST}` before the line is not seen");
}

fn within_limits(line: &str, analysis: &Analysis) {
    assert!(analysis.commands.len() <= COMMANDS, "{} commands", analysis.commands.len());
    let mut bytes = 0;
    for command in &analysis.commands {
        let (start, end) = command.span;
        assert!(line.get(start..end).is_some(), "the span {start}..{end} is not in the line");
        assert!(command.words.len() <= WORDS, "{} words", command.words.len());
        let assigned = command.assignments.iter().map(|(_, value)| value);
        for word in command.words.iter().chain(assigned) {
            let length: usize = word.parts().iter().map(part_bytes).sum();
            assert!(length <= WORD_BYTES, "a word of {length} bytes");
            bytes += length;
        }
    }
    assert!(bytes <= TEXT_BYTES, "{bytes} bytes of words");
}

fn part_bytes(part: &leashd_shell::Part) -> usize {
    match part {
        leashd_shell::Part::Text(text) | leashd_shell::Part::Glob(text) => text.len(),
        leashd_shell::Part::Unknown(_) => 0,
    }
}
