//! `leashd logs`: the log file, whether a daemon runs or not.

use super::talk::{self, one_line, print};
use crate::cli::LogsArgs;
use crate::failure::{Exit, Failure};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Lines that may be asked for.
const LINES_MAX: usize = 100_000;
/// Between two looks at a file that is followed.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &LogsArgs) -> Result<Exit, Failure> {
    let path = log_file()?;
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::failed(format!("there is no log at {}", path.display()))
                .hint("it is written once leashd runs: leashd start"));
        }
        Err(error) => return Err(Failure::failed(format!("{}: {error}", path.display()))),
    };
    let mut reader = BufReader::new(file);
    let wanted = args.lines.min(LINES_MAX);
    let mut last = VecDeque::new();
    while let Some(line) = whole_line(&mut reader, &mut String::new())? {
        last.push_back(line);
        if last.len() > wanted {
            last.pop_front();
        }
    }
    for line in last {
        say(&line, args)?;
    }
    if args.follow { follow(&path, reader, args) } else { Ok(Exit::Done) }
}

/// Where the daemon writes its log. With settings that cannot be read, where it usually is.
fn log_file() -> Result<PathBuf, Failure> {
    let directory = match crate::settings::load(None) {
        Ok(loaded) => loaded.settings.log.directory,
        Err(failure) => {
            eprintln!("! {}", failure.message);
            talk::home()?.join("logs")
        }
    };
    Ok(directory.join("app.log"))
}

/// For ever, through rotations too. Ctrl-C ends it as it ends every program.
fn follow(path: &Path, mut reader: BufReader<File>, args: &LogsArgs) -> Result<Exit, Failure> {
    let mut begun = String::new();
    loop {
        while let Some(line) = whole_line(&mut reader, &mut begun)? {
            say(&line, args)?;
        }
        std::thread::sleep(LOOK);
        let inode = reader.get_ref().metadata()?.ino();
        if let Ok(now) = File::open(path)
            && now.metadata()?.ino() != inode
        {
            // What came to the old file before it was put aside.
            while let Some(line) = whole_line(&mut reader, &mut begun)? {
                say(&line, args)?;
            }
            (reader, begun) = (BufReader::new(now), String::new());
        }
    }
}

/// The next line that has its end; what has none yet stays in `begun`.
fn whole_line(reader: &mut BufReader<File>, begun: &mut String) -> Result<Option<String>, Failure> {
    let mut bytes = Vec::new();
    reader.read_until(b'\n', &mut bytes)?;
    begun.push_str(&String::from_utf8_lossy(&bytes));
    if begun.ends_with('\n') {
        let line = std::mem::take(begun);
        return Ok(Some(line.trim_end().to_owned()));
    }
    Ok(None)
}

fn say(line: &str, args: &LogsArgs) -> Result<(), Failure> {
    match serde_json::from_str::<Map<String, Value>>(line) {
        Ok(fields) if !args.json => print(&human(fields)),
        Ok(_) | Err(_) => print(line),
    }
}

/// `2026-01-31T08:00:00.000000Z INFO request_started session_id=…`.
fn human(mut fields: Map<String, Value>) -> String {
    let mut take = |key: &str| match fields.remove(key) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut line = format!("{} {:<7} {}", take("timestamp"), take("level").to_uppercase(), take("event"));
    for (key, value) in &fields {
        let text = match value {
            Value::String(text) if !text.is_empty() && !text.contains([' ', '"']) => text.clone(),
            other => other.to_string(),
        };
        line.push_str(&format!("  {key}={text}"));
    }
    one_line(&line)
}
