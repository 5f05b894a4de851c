//! Checks the syntax of a rule's regular expressions when the file loads, without compiling them.

use regex_syntax::ast::{self, ErrorKind as AstKind};
use regex_syntax::{Error, Parser};

/// What is wrong with an expression and what to write instead.
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: String,
}

/// `Ok` if the expression can be used.
pub(super) fn check(text: &str) -> Result<(), Wrong> {
    match Parser::new().parse(text) {
        Ok(_) => Ok(()),
        Err(Error::Parse(error)) => Err(of_syntax(&error)),
        Err(other) => Err(Wrong {
            message: format!("the pattern cannot be used: {}", last_line(&other.to_string())),
            hint: "try it on its own and simplify it".to_owned(),
        }),
    }
}

fn of_syntax(error: &ast::Error) -> Wrong {
    let (message, hint) = match error.kind() {
        AstKind::UnsupportedLookAround => (
            "the pattern uses look-around (`(?=`, `(?!`, `(?<=`, `(?<!`)".to_owned(),
            "patterns run in linear time; say the exception with an earlier rule, or use `commands` and `flags`",
        ),
        AstKind::UnsupportedBackreference => (
            "the pattern uses a backreference (`\\1`)".to_owned(),
            "patterns run in linear time; write the repeated part out, or use `commands` and `flags`",
        ),
        AstKind::EscapeUnrecognized => (
            format!("the pattern is not valid: {}", error.kind()),
            "write `\\z` for the end of the text, not `\\Z`",
        ),
        kind => {
            (format!("the pattern is not valid: {kind}"), "in single quotes YAML leaves backslashes alone")
        }
    };
    Wrong { message, hint: hint.to_owned() }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim().to_owned()
}
