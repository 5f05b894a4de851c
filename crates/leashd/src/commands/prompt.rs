//! Questions to the person at the terminal. They go to standard error; without a terminal there are none.

use crate::failure::Failure;
use std::io::{BufRead, IsTerminal, Read, Write};

/// Bytes of a value read from standard input.
const VALUE_MAX: u64 = 1 << 20;

/// Somebody who can be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person(());

impl Person {
    /// Whoever is at the terminal.
    ///
    /// # Errors
    /// If nobody is; `hint` says what to do instead.
    pub(super) fn here(hint: &str) -> Result<Self, Failure> {
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            return Ok(Self(()));
        }
        Err(Failure::usage("there is nobody to ask: this is no terminal").hint(hint))
    }

    /// A line; `default` if it is empty.
    pub(super) fn line(self, question: &str, default: &str) -> Result<String, Failure> {
        let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        eprint!("{question}{shown}: ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer)? == 0 {
            return Err(Failure::failed("nothing was written: the questions were not answered"));
        }
        let answer = answer.trim();
        Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
    }

    pub(super) fn agrees(self, question: &str, default: Default) -> Result<bool, Failure> {
        let shown = match default {
            Default::Yes => "Y/n",
            Default::No => "y/N",
        };
        loop {
            match self.line(&format!("{question} ({shown})"), "")?.to_ascii_lowercase().as_str() {
                "" => return Ok(default == Default::Yes),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => eprintln!("answer y or n"),
            }
        }
    }
}

/// What an empty answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Default {
    Yes,
    No,
}

/// `-` is what standard input holds: it shows in no list of processes.
pub(super) fn value(text: String) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text);
    }
    let mut text = String::new();
    std::io::stdin().lock().take(VALUE_MAX).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}
