//! How much work one line may cause. Past a limit the answer is "unclear", reached in bounded time.

/// Longest line, in bytes.
pub(crate) const LINE_BYTES: usize = 256 * 1024;
/// Deepest nesting of constructs in the text, and of code inside code.
pub(crate) const NESTING: u32 = 32;
/// Deepest nesting of commands over all code inside code: the stack has to hold it.
pub(crate) const LEVELS: u32 = 2 * NESTING;
/// Most words one line may expand to.
pub(crate) const WORDS: usize = 10_000;
/// Longest text one word or one folded output may have, in bytes.
pub(crate) const TEXT_BYTES: usize = 256 * 1024;
/// Most bytes of text copied while expanding one line.
pub(crate) const COPIED_BYTES: usize = 4 * 1024 * 1024;
/// Most commands one line may lead to, counting every way they are reached.
pub(crate) const COMMANDS: usize = 20_000;
/// Most values of shells gone through where branches part and meet.
pub(crate) const COPIES: usize = 1024 * 1024;
/// Most bytes of shell text read for one line, nested code included.
pub(crate) const PARSED_BYTES: usize = 2 * 1024 * 1024;
/// Most turns of a loop that are followed one by one.
pub(crate) const TURNS: usize = 16;
/// Most calls of a function from within itself that are followed.
pub(crate) const RECURSION: usize = 4;
/// Longest text that a pattern is matched against, in bytes.
pub(crate) const PATTERN_BYTES: usize = 4096;

pub(crate) const TOO_MANY_WORDS: &str = "it expands to more than 10,000 words";
pub(crate) const TOO_MANY_COMMANDS: &str = "it leads to more than 20,000 commands";
pub(crate) const TOO_MUCH_TEXT: &str = "it expands to more text than is read";
pub(crate) const TOO_DEEP: &str = "it is nested more than 32 levels deep";
pub(crate) const TOO_LONG: &str = "the line is longer than 256 KiB";
