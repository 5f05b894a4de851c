//! Answers with keys. Runs on its own thread, because reading a key blocks; ends when told that the ask is over.

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal;
use leashd_types::{Answer, Ask, AskKind, PlanAnswer, Question, visible};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the cancel flag is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// So long no key is pressed before the first one counts: what was typed before the card was there, or for one that it
/// took the place of, is no answer to it.
const QUIET: Duration = Duration::from_millis(400);
/// Characters of a typed answer.
const TEXT_CHARS_MAX: usize = 4000;

pub(crate) enum Pressed {
    Answer(Answer),
    /// Ctrl-C.
    Interrupt,
    /// The ask is over.
    Nothing,
}

/// What ends waiting for a key early.
enum Stopped {
    Interrupt,
    Over,
    Failed(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Stopped::Failed(error)
    }
}

/// Asks with keys until there is an answer or `cancelled` is set.
pub(crate) fn read_answer(ask: &Ask, cancelled: &AtomicBool) -> io::Result<Pressed> {
    let _raw = RawMode::enter()?;
    let answer = || match &ask.kind {
        AskKind::Approval { session_rule, .. } => approval(session_rule.as_deref(), cancelled),
        AskKind::Confirmation { .. } => approval(None, cancelled),
        AskKind::PlanReview { .. } => plan(cancelled),
        AskKind::Question { questions, .. } => choices(questions, cancelled),
    };
    match quiet(cancelled).and_then(|()| answer()) {
        Ok(answer) => Ok(Pressed::Answer(answer)),
        Err(Stopped::Interrupt) => Ok(Pressed::Interrupt),
        Err(Stopped::Over) => Ok(Pressed::Nothing),
        Err(Stopped::Failed(error)) => Err(error),
    }
}

/// Raw mode for as long as it lives.
struct RawMode;

impl RawMode {
    fn enter() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing better can be done about a terminal that is gone.
        drop(terminal::disable_raw_mode());
    }
}

fn approval(session_rule: Option<&str>, cancelled: &AtomicBool) -> Result<Answer, Stopped> {
    let session = match session_rule {
        Some(rule) => format!("[s] Approve for this session: {}   ", visible(rule)),
        None => String::new(),
    };
    say(&format!("[a] Approve   {session}[r] Reject   [i] Reject with instructions "))?;
    loop {
        let answer = match key(cancelled)? {
            KeyCode::Char('a') => Answer::AllowOnce,
            KeyCode::Char('s') if session_rule.is_some() => Answer::AllowSession,
            KeyCode::Char('r') => Answer::Deny,
            KeyCode::Char('i') => {
                Answer::DenyWith { instructions: text("\r\nWhat should it do instead? ", cancelled)? }
            }
            _ => continue,
        };
        say("\r\n")?;
        return Ok(answer);
    }
}

fn plan(cancelled: &AtomicBool) -> Result<Answer, Stopped> {
    say("[a] Approve   [e] Approve and edit freely   [t] Tell it what to change   [r] Reject ")?;
    loop {
        let review = match key(cancelled)? {
            KeyCode::Char('a') => PlanAnswer::Approve,
            KeyCode::Char('e') => PlanAnswer::ApproveAndEdit,
            KeyCode::Char('t') => {
                PlanAnswer::Adjust { feedback: text("\r\nWhat should change? ", cancelled)? }
            }
            KeyCode::Char('r') => PlanAnswer::Reject,
            _ => continue,
        };
        say("\r\n")?;
        return Ok(Answer::Plan { review });
    }
}

fn choices(questions: &[Question], cancelled: &AtomicBool) -> Result<Answer, Stopped> {
    let mut answers = BTreeMap::new();
    for question in questions {
        say(&format!("{}\r\n", visible(&question.question)))?;
        let hint = match (question.options.is_empty(), question.multi_select) {
            (true, _) => "your answer: ",
            (false, true) => "numbers separated by commas, or text: ",
            (false, false) => "a number, or text: ",
        };
        let typed = text(hint, cancelled)?;
        say("\r\n")?;
        answers.insert(question.question.clone(), chosen(question, &typed));
    }
    Ok(Answer::Choices { answers })
}

/// Numbers become the labels they stand for; anything else is free text.
fn chosen(question: &Question, typed: &str) -> String {
    let labels: Option<Vec<&str>> = typed
        .split(',')
        .map(|part| {
            let index = part.trim().parse::<usize>().ok()?.checked_sub(1)?;
            question.options.get(index).map(|option| option.label.as_str())
        })
        .collect();
    match labels {
        Some(labels) if question.multi_select || labels.len() == 1 => labels.join(", "),
        Some(_) | None => typed.trim().to_owned(),
    }
}

/// One line, with backspace and Ctrl-U.
fn text(prompt: &str, cancelled: &AtomicBool) -> Result<String, Stopped> {
    say(prompt)?;
    let mut typed = String::new();
    loop {
        match key(cancelled)? {
            KeyCode::Enter => return Ok(typed),
            KeyCode::Char(character) if typed.chars().count() < TEXT_CHARS_MAX => {
                typed.push(character);
                say(&character.to_string())?;
            }
            KeyCode::Backspace if typed.pop().is_some() => say("\u{8} \u{8}")?,
            _ => {}
        }
    }
}

/// Throws away what is typed until nothing was for a while.
fn quiet(cancelled: &AtomicBool) -> Result<(), Stopped> {
    let mut until = Instant::now() + QUIET;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        if pressed(left.min(LOOK), cancelled)?.is_some() {
            until = Instant::now() + QUIET;
        }
    }
    Ok(())
}

fn key(cancelled: &AtomicBool) -> Result<KeyCode, Stopped> {
    loop {
        if let Some(code) = pressed(LOOK, cancelled)? {
            return Ok(code);
        }
    }
}

/// A key that is pressed within `wait`.
fn pressed(wait: Duration, cancelled: &AtomicBool) -> Result<Option<KeyCode>, Stopped> {
    if cancelled.load(Ordering::Relaxed) {
        say("\r\n")?;
        return Err(Stopped::Over);
    }
    if !event::poll(wait)? {
        return Ok(None);
    }
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event::read()? else {
        return Ok(None);
    };
    match (modifiers.contains(KeyModifiers::CONTROL), code) {
        (true, KeyCode::Char('c')) => {
            say("\r\n")?;
            Err(Stopped::Interrupt)
        }
        (true, _) => Ok(None),
        (false, code) => Ok(Some(code)),
    }
}

fn say(text: &str) -> io::Result<()> {
    let mut err = io::stderr().lock();
    err.write_all(text.as_bytes())?;
    err.flush()
}

#[cfg(test)]
mod tests {
    use super::chosen;
    use leashd_types::{Choice, Question};

    #[test]
    fn numbers_are_labels_and_the_rest_is_text() {
        let choice = |label: &str| Choice { label: label.to_owned(), description: String::new() };
        let mut question = Question {
            question: "Which?".to_owned(),
            header: String::new(),
            multi_select: false,
            options: vec![choice("red"), choice("a very long label, with a comma")],
        };
        assert_eq!(chosen(&question, "1"), "red");
        assert_eq!(chosen(&question, " 2 "), "a very long label, with a comma");
        assert_eq!(chosen(&question, "3"), "3");
        assert_eq!(chosen(&question, "1,2"), "1,2");
        assert_eq!(chosen(&question, "neither"), "neither");
        question.multi_select = true;
        assert_eq!(chosen(&question, "2, 1"), "a very long label, with a comma, red");
    }
}
