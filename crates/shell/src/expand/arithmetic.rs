//! Arithmetic: constants and known variables are computed. A value that bash would evaluate again, and that could
//! hold code in a subscript, is read as code.

use super::Documents;
use crate::syntax::Piece;
use crate::walk::state::{Keys, Variable};
use crate::walk::{Walker, origin};
use crate::word::{Part, Word};
use std::collections::BTreeMap;

/// Deepest evaluation of values as expressions, and deepest nesting in one expression.
const DEPTH: u32 = 16;
/// Longest expression that is computed, in bytes.
const EXPRESSION_BYTES: usize = 1024;

/// A number, if it is known.
type Number = Option<i64>;

/// The expression is not one that is followed.
struct Odd;

impl Walker<'_> {
    /// The value of `$((…))`.
    pub(crate) fn arithmetic(&mut self, pieces: &[Piece<'_>], documents: Documents<'_>) -> Word {
        let word = self.value(pieces, documents);
        match self.evaluate(&word, 0) {
            Some(number) => Word::literal(number.to_string()),
            None => Word::unknown(origin::NUMBER),
        }
    }

    /// Computes a value that bash treats as an expression (`-eq`, `declare -i`, `let`).
    pub(crate) fn evaluate(&mut self, word: &Word, depth: u32) -> Number {
        let mut text = String::new();
        let mut known = true;
        for part in word.parts() {
            match part {
                Part::Text(part) | Part::Glob(part) => text.push_str(part),
                Part::Unknown(why) => {
                    known = false;
                    text.push('0');
                    if why != origin::NUMBER && !origin::is_environment(why) {
                        self.note("arithmetic on a value that is not known, which bash would evaluate");
                    }
                }
            }
        }
        if text.contains("$(") || text.contains('`') {
            self.hidden_code(&text, "arithmetic");
            return None;
        }
        let trimmed = text.trim();
        if let Ok(number) = trimmed.parse::<i64>()
            && !trimmed.starts_with('0')
        {
            return known.then_some(number);
        }
        if trimmed.is_empty() {
            return known.then_some(0);
        }
        if depth > DEPTH || text.len() > EXPRESSION_BYTES || !self.spend_bytes(text.len()) {
            self.note("arithmetic that is not followed");
            return None;
        }
        let mut expression = Expression { walker: self, text: &text, at: 0, depth };
        let value = expression.list();
        expression.blanks();
        let complete = expression.at == text.len();
        match value {
            Ok(value) if complete => value.filter(|_| known),
            _ => {
                self.every_name(&text, depth);
                None
            }
        }
    }

    /// In an expression that is not followed any name may be evaluated.
    fn every_name(&mut self, text: &str, depth: u32) {
        let names = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
        for name in names.filter(|name| name.starts_with(|first: char| !first.is_ascii_digit())) {
            self.evaluate_variable(name, depth + 1);
        }
    }

    /// The value of a variable, which is an expression itself. Of an array every element may be meant.
    fn evaluate_variable(&mut self, name: &str, depth: u32) -> Number {
        let variable = self.variable(name)?;
        let (value, unset) = (variable.value.clone(), variable.unset);
        let elements: Vec<Word> = match &variable.elements {
            Some(elements) => elements.values().filter(|word| !is_plain_number(word)).cloned().collect(),
            None => Vec::new(),
        };
        for element in elements {
            self.evaluate(&element, depth);
        }
        if unset { Some(0) } else { self.evaluate(&value, depth) }
    }

    /// Some element of an array is another number now.
    fn forget_element(&mut self, name: &str) {
        let Some(variable) = self.variable(name) else { return };
        let numbers = |elements: &BTreeMap<_, Word>| elements.values().all(is_plain_number);
        let why = if variable.elements.as_ref().is_none_or(numbers) {
            origin::NUMBER
        } else {
            "an array with unknown keys"
        };
        let attributes = variable.attributes;
        let name = self.referred(name).to_owned();
        self.set_variable(&name, Variable { attributes, ..Variable::scalar(Word::unknown(why)) });
    }

    /// Bash evaluates the subscript of a name it is given (`read 'a[x]'`, `test -v`, `${!n}`): code in it runs.
    pub(crate) fn evaluated_name(&mut self, name: &str) {
        let Some((base, rest)) = name.split_once('[') else { return };
        self.hidden_code(name, "a subscript");
        let by_number = self.variable(base).is_none_or(|variable| variable.attributes.keys == Keys::Numbers);
        let subscript = rest.rsplit_once(']').map_or(rest, |(inside, _)| inside);
        if by_number && !matches!(subscript, "@" | "*") && !subscript.contains(['$', '`']) {
            self.evaluate(&Word::literal(subscript), 0);
        }
    }
}

fn is_plain_number(word: &Word) -> bool {
    word.text().is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        || word.unknown_reason() == Some(origin::NUMBER) && word.parts().len() == 1
}

struct Expression<'e, 'w, 'a> {
    walker: &'e mut Walker<'w>,
    text: &'a str,
    at: usize,
    depth: u32,
}

/// Binary operators by strength, longest spelling first where one begins another.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

const ASSIGNING: [&str; 11] = ["=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "|=", "^="];

impl Expression<'_, '_, '_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn list(&mut self) -> Result<Number, Odd> {
        let mut value = self.conditional()?;
        while self.eat(",") {
            value = self.conditional()?;
        }
        Ok(value)
    }

    fn conditional(&mut self) -> Result<Number, Odd> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Odd);
        }
        let condition = self.binary(0)?;
        let value = if self.eat("?") {
            let yes = self.conditional()?;
            if !self.eat(":") {
                return Err(Odd);
            }
            let no = self.conditional()?;
            condition.and_then(|condition| if condition != 0 { yes } else { no })
        } else {
            condition
        };
        self.depth -= 1;
        Ok(value)
    }

    fn operator(&mut self, level: usize) -> Option<&'static str> {
        self.blanks();
        let rest = self.rest();
        let found = LEVELS.get(level)?.iter().find(|operator| rest.starts_with(**operator))?;
        let after = rest.get(found.len()..)?.chars().next();
        // `a | b` is not the first half of `a || b`, and `a << b` not of `a <<= b`.
        let longer = match *found {
            "|" | "&" | "*" => after == found.chars().next(),
            "<" | ">" => after == found.chars().next(),
            _ => false,
        };
        let assigns = after == Some('=') && !matches!(*found, "==" | "!=" | "<=" | ">=" | "<" | ">");
        if longer || assigns {
            return None;
        }
        self.at += found.len();
        Some(found)
    }

    fn binary(&mut self, level: usize) -> Result<Number, Odd> {
        if level >= LEVELS.len() {
            return self.power();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(level) {
            let right = self.binary(level + 1)?;
            left = match (left, right) {
                (Some(left), Some(right)) => compute(operator, left, right),
                _ => None,
            };
        }
        Ok(left)
    }

    fn power(&mut self) -> Result<Number, Odd> {
        let base = self.unary()?;
        if !self.eat("**") {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Odd);
        }
        let exponent = self.power()?;
        self.depth -= 1;
        Ok(match (base, exponent) {
            (Some(base), Some(exponent)) => {
                u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent))
            }
            _ => None,
        })
    }

    fn unary(&mut self) -> Result<Number, Odd> {
        self.blanks();
        if self.rest().starts_with("++") || self.rest().starts_with("--") {
            self.at += 2;
            let name = self.name().ok_or(Odd)?.to_owned();
            self.current(&name);
            self.forget(&name);
            return Ok(None);
        }
        let operator = self.rest().chars().next().filter(|char| "+-!~".contains(*char));
        let Some(operator) = operator else { return self.primary() };
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Odd);
        }
        let value = self.unary()?;
        self.depth -= 1;
        Ok(value.and_then(|value| match operator {
            '-' => value.checked_neg(),
            '!' => Some(i64::from(value == 0)),
            '~' => Some(!value),
            _ => Some(value),
        }))
    }

    fn primary(&mut self) -> Result<Number, Odd> {
        if self.eat("(") {
            let value = self.list()?;
            return if self.eat(")") { Ok(value) } else { Err(Odd) };
        }
        if self.rest().starts_with(|char: char| char.is_ascii_digit()) {
            return self.number();
        }
        let name = self.name().ok_or(Odd)?.to_owned();
        if self.eat("[") {
            self.list()?;
            if !self.eat("]") {
                return Err(Odd);
            }
            self.current(&name);
            if self.eat("++") || self.eat("--") || self.assignment(&name)? {
                self.walker.forget_element(&name);
            }
            return Ok(None);
        }
        if self.assignment(&name)? {
            return Ok(self.current(&name));
        }
        let value = self.current(&name);
        if self.eat("++") || self.eat("--") {
            self.forget(&name);
        }
        Ok(value)
    }

    fn name(&mut self) -> Option<&str> {
        self.blanks();
        let start = self.at;
        let length =
            self.rest().bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        self.at += length;
        self.text.get(start..self.at).filter(|name| !name.is_empty())
    }

    fn number(&mut self) -> Result<Number, Odd> {
        let digits = self.name().unwrap_or("").to_owned();
        if self.rest().starts_with('#') {
            self.at += 1;
            let base: u32 = digits.parse().map_err(|_| Odd)?;
            let rest = self.name().unwrap_or("").to_owned();
            return Ok(if (2..=36).contains(&base) { i64::from_str_radix(&rest, base).ok() } else { None });
        }
        let parsed = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
            i64::from_str_radix(hex, 16)
        } else if digits.len() > 1 && digits.starts_with('0') {
            i64::from_str_radix(&digits, 8)
        } else {
            digits.parse()
        };
        parsed.map(Some).map_err(|_| Odd)
    }

    /// `name = …`, if an assignment follows.
    fn assignment(&mut self, name: &str) -> Result<bool, Odd> {
        self.blanks();
        let rest = self.rest();
        let Some(operator) = ASSIGNING.iter().find(|operator| rest.starts_with(**operator)) else {
            return Ok(false);
        };
        if *operator == "=" && rest.starts_with("==") {
            return Ok(false);
        }
        self.at += operator.len();
        if *operator != "=" {
            self.current(name);
        }
        let value = self.conditional()?;
        if *operator == "="
            && let Some(value) = value
        {
            self.walker.bind(name, Word::literal(value.to_string()));
        } else {
            self.forget(name);
        }
        Ok(true)
    }

    fn forget(&mut self, name: &str) {
        self.walker.bind(name, Word::unknown(origin::NUMBER));
    }

    fn current(&mut self, name: &str) -> Number {
        let depth = self.depth + 1;
        self.walker.evaluate_variable(name, depth)
    }
}

fn compute(operator: &str, left: i64, right: i64) -> Number {
    let truth = |value: bool| Some(i64::from(value));
    match operator {
        "||" => truth(left != 0 || right != 0),
        "&&" => truth(left != 0 && right != 0),
        "|" => Some(left | right),
        "^" => Some(left ^ right),
        "&" => Some(left & right),
        "==" => truth(left == right),
        "!=" => truth(left != right),
        "<=" => truth(left <= right),
        ">=" => truth(left >= right),
        "<" => truth(left < right),
        ">" => truth(left > right),
        "<<" => u32::try_from(right).ok().and_then(|right| left.checked_shl(right)),
        ">>" => u32::try_from(right).ok().and_then(|right| left.checked_shr(right)),
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        "%" => left.checked_rem(right),
        _ => None,
    }
}
