//! Random edits of the seeds: bytes changed, put in, taken out, doubled; words of a dictionary; the start of one seed
//! with the end of another.

/// Bytes of the longest input that is made.
const LONGEST: usize = 16 * 1024;
/// Bytes with a meaning for somebody.
const TELLING: &[u8] = b"\0\n\r\t \"'`$\\(){}[]<>|&;#*?~!=:,-/.%@^+\x1b\x1e\x7f\x80\xc3\xe2\xff09azAZ";

/// SplitMix64: small, and good enough to choose edits.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`; 0 if there is nothing below it.
    fn below(&mut self, limit: usize) -> usize {
        let limit = limit as u64;
        usize::try_from(self.next().checked_rem(limit).unwrap_or(0)).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// A piece of something `length` long; short ones are likelier.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        let scale = 1 << self.below(10);
        let size = 1 + self.below(scale);
        start..(start + size).min(length)
    }
}

pub(super) struct Edits<'a> {
    random: Random,
    seeds: &'a [Vec<u8>],
    words: &'a [Vec<u8>],
}

impl<'a> Edits<'a> {
    pub(super) fn new(random: Random, seeds: &'a [Vec<u8>], words: &'a [Vec<u8>]) -> Self {
        Self { random, seeds, words }
    }

    pub(super) fn next(&mut self) -> Vec<u8> {
        let mut input = self.random.one_of(self.seeds).cloned().unwrap_or_default();
        for _edit in 0..=self.random.below(8) {
            self.edit(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn edit(&mut self, input: &mut Vec<u8>) {
        let random = &mut self.random;
        let at = random.below(input.len() + 1);
        match random.below(9) {
            0 => {
                let bit = 1 << random.below(8);
                input.get_mut(at).into_iter().for_each(|byte| *byte ^= bit);
            }
            1 => {
                let byte = random.one_of(TELLING).copied().unwrap_or_default();
                input.get_mut(at).into_iter().for_each(|old| *old = byte);
            }
            2 => input.insert(at, random.one_of(TELLING).copied().unwrap_or_default()),
            3 => input.insert(at, random.byte()),
            4 => drop(input.drain(random.range(input.len()))),
            5 => {
                let piece = input.get(random.range(input.len())).unwrap_or_default().to_vec();
                let times = 1 + random.below(4);
                put(input, at, &piece.repeat(times));
            }
            6 => {
                let other = random.one_of(self.seeds).map(Vec::as_slice).unwrap_or_default();
                let piece = other.get(random.range(other.len())).unwrap_or_default();
                put(input, at, piece);
            }
            7 => {
                let other = random.one_of(self.seeds).map(Vec::as_slice).unwrap_or_default();
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(other.get(from..).unwrap_or_default());
            }
            _ => put(input, at, random.one_of(self.words).map(Vec::as_slice).unwrap_or_default()),
        }
    }
}

fn put(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    if input.len() + piece.len() <= LONGEST {
        input.splice(at..at, piece.iter().copied());
    }
}

/// Reads a dictionary as libFuzzer has them: `"word"` a line, with `\\`, `\"` and `\xNN`.
pub(super) fn dictionary(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| word(line).ok_or_else(|| format!("not a word of a dictionary: {line}"))).collect()
}

fn word(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?;
    let mut word = Vec::new();
    while let Some(next) = rest.chars().next() {
        rest = rest.get(next.len_utf8()..)?;
        if next != '\\' {
            word.extend(next.to_string().as_bytes());
            continue;
        }
        if let Some(hex) = rest.strip_prefix('x') {
            word.push(u8::from_str_radix(hex.get(..2)?, 16).ok()?);
            rest = hex.get(2..)?;
        } else {
            word.extend(rest.get(..1)?.as_bytes());
            rest = rest.get(1..)?;
        }
    }
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::{Edits, Random, dictionary};

    #[test]
    fn the_same_number_makes_the_same_inputs_and_another_does_not() {
        let seeds = [b"git status".to_vec(), b"echo $(rm -rf x)".to_vec()];
        let words = [b"&&".to_vec()];
        let some = |number| {
            let mut edits = Edits::new(Random::new(number), &seeds, &words);
            (0..100).map(|_| edits.next()).collect::<Vec<_>>()
        };
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        assert!(some(1).iter().filter(|input| !seeds.contains(input)).count() > 80);
    }

    #[test]
    fn words_are_read_as_libfuzzer_reads_them() {
        let words = dictionary("# comment\n\n\"&&\"\n\"\\x0a\\\"\\\\é\"\n").unwrap();
        assert_eq!(words, [b"&&".to_vec(), "\n\"\\é".as_bytes().to_vec()]);
        assert!(dictionary("bare").is_err());
    }
}
