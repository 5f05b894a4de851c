//! The shape of a shell text: lists, commands, words and what is inside words, with the quoting of every piece.
//! Borrowed from the text. Knows nothing of values: expansion gives words their meaning.

use std::borrow::Cow;

/// Byte range in the text that was parsed.
pub(crate) type Span = (usize, usize);

/// Commands separated by `;`, `&` or newlines.
#[derive(Debug, Default)]
pub(crate) struct Script<'a> {
    pub(crate) items: Vec<Item<'a>>,
}

/// Pipelines joined by `&&` and `||`.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) first: Pipeline<'a>,
    pub(crate) rest: Vec<(Join, Pipeline<'a>)>,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Sequence,
    Background,
}

#[derive(Debug)]
pub(crate) struct Pipeline<'a> {
    pub(crate) commands: Vec<Command<'a>>,
    /// An odd number of `!` in front.
    pub(crate) inverted: bool,
}

#[derive(Debug)]
pub(crate) struct Command<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) redirects: Vec<Redirect<'a>>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum Kind<'a> {
    Simple(Simple<'a>),
    Subshell(Script<'a>),
    Group(Script<'a>),
    /// Conditions with what follows each; an `else` part has no condition.
    If(Vec<(Option<Script<'a>>, Script<'a>)>),
    /// `while` and `until`.
    Loop {
        condition: Script<'a>,
        body: Script<'a>,
    },
    /// `for` and `select`. Without `in` the words are the positional parameters.
    For {
        name: Cow<'a, str>,
        words: Option<Vec<SourceWord<'a>>>,
        body: Script<'a>,
    },
    ArithmeticFor {
        header: Vec<Piece<'a>>,
        body: Script<'a>,
    },
    Case {
        subject: SourceWord<'a>,
        arms: Vec<Arm<'a>>,
    },
    /// `[[ … ]]`: its tests in order, the logic between them left out.
    Conditional(Vec<Test<'a>>),
    /// `(( … ))`
    Arithmetic(Vec<Piece<'a>>),
    /// The body is kept as text and read again at each call.
    Function {
        name: Cow<'a, str>,
        body: &'a str,
    },
    Coproc(Box<Command<'a>>),
}

#[derive(Debug, Default)]
pub(crate) struct Simple<'a> {
    pub(crate) assignments: Vec<Assignment<'a>>,
    pub(crate) words: Vec<SourceWord<'a>>,
}

/// `name=value`, `name+=value`, `name[subscript]=value`, `name=(…)`.
#[derive(Debug)]
pub(crate) struct Assignment<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) subscript: Option<Vec<Piece<'a>>>,
    pub(crate) writing: Writing,
    pub(crate) value: AssignedValue<'a>,
}

/// Whether what was there stays: `=` or `+=`, `>` or `>>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Replace,
    Append,
}

#[derive(Debug)]
pub(crate) enum AssignedValue<'a> {
    Scalar(SourceWord<'a>),
    Array(Vec<Element<'a>>),
}

/// One element of an array literal.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    pub(crate) subscript: Option<Vec<Piece<'a>>>,
    pub(crate) value: SourceWord<'a>,
}

#[derive(Debug)]
pub(crate) struct Arm<'a> {
    pub(crate) patterns: Vec<SourceWord<'a>>,
    pub(crate) body: Script<'a>,
}

#[derive(Debug)]
pub(crate) enum Test<'a> {
    Word(SourceWord<'a>),
    Unary { operator: &'a str, operand: SourceWord<'a> },
    Binary { operator: &'a str, left: SourceWord<'a>, right: SourceWord<'a> },
}

#[derive(Debug)]
pub(crate) struct Redirect<'a> {
    pub(crate) descriptor: Descriptor<'a>,
    pub(crate) operator: Operator,
    pub(crate) target: Target<'a>,
}

/// What stands before a redirection operator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Descriptor<'a> {
    Default,
    Number(u32),
    /// `{name}`: the shell picks a number and puts it into the variable.
    Variable(&'a str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `<`
    Read,
    /// `>` and `>|`
    Write,
    /// `>>`
    Append,
    /// `<>`
    ReadWrite,
    /// `<&`
    DuplicateInput,
    /// `>&`
    DuplicateOutput,
    /// `&>`
    WriteBoth,
    /// `&>>`
    AppendBoth,
    /// `<<<`
    HereString,
    /// `<<` and `<<-`
    HereDocument,
}

#[derive(Debug)]
pub(crate) enum Target<'a> {
    Word(SourceWord<'a>),
    /// Index into `Parsed::documents`.
    Document(usize),
}

/// A here-document.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// What the command reads, before expansion; leading tabs are already gone for `<<-`.
    pub(crate) body: Cow<'a, str>,
    /// The delimiter was not quoted: the body is expanded.
    pub(crate) expands: bool,
}

/// A word as written.
#[derive(Debug, Default)]
pub(crate) struct SourceWord<'a> {
    pub(crate) pieces: Vec<Piece<'a>>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// Unquoted text: globs, braces and `~` in it are live.
    Literal(&'a str),
    /// Text taken as it is: `'…'`, `\c`, and plain text inside `"…"`.
    Quoted(&'a str),
    /// `$'…'`, not decoded yet.
    AnsiC(&'a str),
    /// `"…"` and `$"…"`
    Double(Vec<Piece<'a>>),
    Parameter(Box<Parameter<'a>>),
    /// `$(…)`
    Command(Script<'a>),
    /// `` `…` ``, its own escapes removed. Bash reads it only when it runs.
    Backquote(Cow<'a, str>),
    /// `$((…))` and `$[…]`
    Arithmetic(Vec<Piece<'a>>),
    /// `<(…)` and `>(…)`
    Process {
        script: Script<'a>,
        flow: Flow,
    },
    /// `name=(…)` as an argument of a declaring builtin.
    Array(Vec<Element<'a>>),
    /// `@(…)` and the like, where they are patterns.
    Pattern(&'a str),
    /// `${…}` that bash refuses when it runs.
    Bad,
}

/// `$name` or `${…}`.
#[derive(Debug)]
pub(crate) struct Parameter<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) subscript: Option<Vec<Piece<'a>>>,
    pub(crate) indirect: bool,
    pub(crate) operation: Operation<'a>,
}

#[derive(Debug)]
pub(crate) enum Operation<'a> {
    /// `$x`
    Bare,
    /// `${x}`
    Plain,
    /// `${#x}`
    Length,
    /// `${!x*}`
    Names,
    /// `-`, `=`, `?`, `+`; with a colon an empty value counts as unset.
    Default {
        operator: u8,
        colon: bool,
        word: Vec<Piece<'a>>,
    },
    Substring {
        offset: Vec<Piece<'a>>,
        length: Option<Vec<Piece<'a>>>,
    },
    /// `#`, `##`, `%`, `%%`
    Trim {
        end: TrimEnd,
        length: Length,
        pattern: Vec<Piece<'a>>,
    },
    Replace {
        place: Place,
        pattern: Vec<Piece<'a>>,
        replacement: Vec<Piece<'a>>,
    },
    /// `^`, `^^`, `,`, `,,`, `~`, `~~`
    Case {
        operator: u8,
        reach: Reach,
        pattern: Vec<Piece<'a>>,
    },
    /// `${x@Q}`
    Transform(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrimEnd {
    Front,
    Back,
}

/// `#` or `##`, `%` or `%%`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Shortest,
    Longest,
}

/// `^` or `^^`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    First,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    All,
    Front,
    Back,
}

/// Which way a process substitution goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// `<(…)`: its output is read.
    From,
    /// `>(…)`: it reads what is written to it.
    Into,
}
