//! Writing to the terminal: the agent's text on standard output, everything else on standard error, and at most one
//! live line that the next output wipes away.

use leashd_types::visible;
use std::io::{self, IsTerminal, Write};

/// Whether escape sequences for colour may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    On,
    Off,
}

impl Colour {
    /// On for a terminal that is not dumb, unless `NO_COLOR` is set (<https://no-color.org>).
    #[must_use]
    pub fn detect() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if std::io::stderr().is_terminal() && !unwanted && !dumb { Colour::On } else { Colour::Off }
    }
}

/// How a line stands out. Colour is never the only signal: every line also says it in words or signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Dim,
    Bold,
    Good,
    Bad,
    Warn,
}

#[derive(Debug)]
pub struct Screen {
    colour: Colour,
    /// Standard error is a terminal: a live line can be drawn and wiped.
    live: bool,
    /// Standard output is the same terminal, so its unfinished line has to be ended first.
    shared: bool,
    live_line: bool,
    open_line: bool,
}

impl Screen {
    #[must_use]
    pub fn new(colour: Colour) -> Self {
        let live = io::stderr().is_terminal();
        Self { colour, live, shared: live && io::stdout().is_terminal(), live_line: false, open_line: false }
    }

    /// A piece of the agent's text, to standard output.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.wipe()?;
        let shown = if self.shared { self.line_ends(&visible(text)) } else { text.to_owned() };
        let mut out = io::stdout().lock();
        out.write_all(shown.as_bytes())?;
        out.flush()?;
        self.open_line = !text.ends_with('\n') && (self.open_line || !text.is_empty());
        Ok(())
    }

    /// Ends the agent's last line if it is still open.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub fn end_text(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.open_line) {
            let mut out = io::stdout().lock();
            out.write_all(if self.shared { b"\r\n" } else { b"\n" })?;
            out.flush()?;
        }
        Ok(())
    }

    /// A line of decoration, to standard error.
    ///
    /// # Errors
    /// When standard error is closed or full.
    pub fn note(&mut self, tone: Tone, line: &str) -> io::Result<()> {
        self.wipe()?;
        if self.shared {
            self.end_text()?;
        }
        let painted = self.paint(tone, &visible(line));
        io::stderr().lock().write_all(self.line_ends(&format!("{painted}\n")).as_bytes())
    }

    /// A line that the next output replaces; nothing where standard error is not a terminal.
    ///
    /// # Errors
    /// When standard error is closed or full.
    pub fn indicate(&mut self, line: &str) -> io::Result<()> {
        if !self.live {
            return Ok(());
        }
        self.wipe()?;
        if self.shared {
            self.end_text()?;
        }
        let width = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
        let shown: String = visible(line).replace('\n', " ").chars().take(width.saturating_sub(1)).collect();
        let painted = self.paint(Tone::Dim, &shown);
        self.live_line = true;
        let mut err = io::stderr().lock();
        err.write_all(painted.as_bytes())?;
        err.flush()
    }

    /// `text` in the tone's colour; as it is where colours are off.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match (self.colour, tone) {
            (Colour::Off, _) | (Colour::On, Tone::Plain) => return text.to_owned(),
            (Colour::On, Tone::Dim) => "2",
            (Colour::On, Tone::Bold) => "1",
            (Colour::On, Tone::Good) => "32",
            (Colour::On, Tone::Bad) => "31",
            (Colour::On, Tone::Warn) => "33",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    fn wipe(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.live_line) {
            io::stderr().lock().write_all(b"\r\x1b[2K")?;
        }
        Ok(())
    }

    /// While a key is awaited the terminal is raw and a bare newline would not return to the first column.
    fn line_ends(&self, text: &str) -> String {
        if self.live { text.replace('\n', "\r\n") } else { text.to_owned() }
    }
}
