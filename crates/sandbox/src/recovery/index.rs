//! The git index, versions 2 to 4, as gitformat-index(5) describes it. Knows no files but the bytes it is given.

use leashd_types::Recovery;
use std::ffi::CStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// Bytes of a SHA-1. A SHA-256 index does not read as one with these and is refused.
const HASH: usize = 20;
/// Stage bits of the flags: not zero in a merge conflict.
const STAGE: u16 = 0x3000;
/// Bits of the flags that hold the length of the name, or all of them if it is longer.
const NAME_LENGTH: u16 = 0x0fff;
/// The flags go on for two more bytes.
const EXTENDED: u16 = 0x4000;
/// Extended flags: the file is meant to be absent; the file is only announced and its content not stored.
const SKIP_WORKTREE: u16 = 0x4000;
const INTENT_TO_ADD: u16 = 0x2000;

/// An index that was read to its last byte and understood.
#[derive(Debug)]
pub(super) struct Index {
    bytes: Vec<u8>,
    written: Moment,
}

/// What the index has on one file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recorded {
    changed: Moment,
    modified: Moment,
    inode: u32,
    mode: u32,
    user: u32,
    group: u32,
    size: u32,
    flags: u16,
    extended: u16,
}

/// Seconds and nanoseconds, as far as 32 bits hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    seconds: u32,
    nanoseconds: u32,
}

impl Index {
    /// `bytes` of an index file that was last written at the given time. Nothing if any of it is not understood.
    pub(super) fn new(bytes: Vec<u8>, seconds: i64, nanoseconds: i64) -> Option<Self> {
        let written = Moment::of(seconds, nanoseconds);
        let rest = visit(&bytes, |_, _| {})?;
        only_optional_extensions(rest)?;
        Some(Self { bytes, written })
    }

    /// Calls `look` with the name (relative, separated by slashes) and record of every entry.
    pub(super) fn each(&self, look: impl FnMut(&[u8], Recorded)) {
        // INVARIANT: `new` has visited the same bytes to the end.
        let _understood = visit(&self.bytes, look);
    }

    /// Whether git would take the file with this stat for unchanged without reading it.
    pub(super) fn compare(&self, recorded: &Recorded, stat: &Metadata) -> Recovery {
        let stored = recorded.flags & STAGE == 0 && recorded.extended & (SKIP_WORKTREE | INTENT_TO_ADD) == 0;
        if !stored {
            return Recovery::Lost;
        }
        // 32 bits are what git keeps.
        #[expect(clippy::cast_possible_truncation, reason = "the index has 32 bits for each")]
        let (size, inode) = (stat.size() as u32, stat.ino() as u32);
        // A size of zero is also git's mark for "look at the contents".
        if recorded.size != size {
            return if recorded.size == 0 { Recovery::Unknown } else { Recovery::Lost };
        }
        let modified = Moment::of(stat.mtime(), stat.mtime_nsec());
        let changed = Moment::of(stat.ctime(), stat.ctime_nsec());
        let same = recorded.modified.is(modified)
            && recorded.changed.is(changed)
            && (recorded.inode, recorded.user, recorded.group) == (inode, stat.uid(), stat.gid())
            && recorded.mode == mode_of(stat);
        // Written in the same grain of the clock as the index, or later: stat cannot tell.
        let racy = recorded.modified >= self.written
            || (recorded.modified.nanoseconds == 0 && recorded.modified.seconds == self.written.seconds);
        if same && !racy { Recovery::Committed } else { Recovery::Unknown }
    }
}

impl Moment {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the index has 32 bits for each"
    )]
    fn of(seconds: i64, nanoseconds: i64) -> Self {
        Self { seconds: seconds as u32, nanoseconds: nanoseconds as u32 }
    }

    /// Some implementations record whole seconds only.
    fn is(self, other: Self) -> bool {
        self.seconds == other.seconds && (self.nanoseconds == 0 || self.nanoseconds == other.nanoseconds)
    }
}

/// The mode git records: type, and for files whether the owner may execute.
fn mode_of(stat: &Metadata) -> u32 {
    match stat.mode() & 0o170_000 {
        0o100_000 if stat.mode() & 0o100 != 0 => 0o100_755,
        0o100_000 => 0o100_644,
        other => other,
    }
}

/// Visits every entry and returns what follows the last one. Nothing if the bytes are not an index we understand.
fn visit(bytes: &[u8], mut look: impl FnMut(&[u8], Recorded)) -> Option<&[u8]> {
    let mut rest = bytes;
    (take(&mut rest, 4)? == b"DIRC").then_some(())?;
    let version = number(&mut rest)?;
    let count = number(&mut rest)?;
    (2..=4).contains(&version).then_some(())?;
    let mut name: Vec<u8> = Vec::new();
    let mut stage = 0;
    for entry in 0..count {
        let start = rest.len();
        let record = record(&mut rest, version)?;
        let kept = if version == 4 { name.len().checked_sub(offset(&mut rest)?)? } else { 0 };
        let suffix = CStr::from_bytes_until_nul(rest).ok()?.to_bytes();
        take(&mut rest, suffix.len() + 1)?;
        if version != 4 {
            // Filled with zeroes to a multiple of eight, the one that ends the name included.
            let used = start - rest.len();
            let padding = take(&mut rest, used.next_multiple_of(8) - used)?;
            padding.iter().all(|byte| *byte == 0).then_some(())?;
        }
        let previous = (name.get(kept..)?, stage);
        stage = record.flags & STAGE;
        (entry == 0 || previous < (suffix, stage)).then_some(())?;
        name.truncate(kept);
        name.extend(suffix);
        let length = name.len().min(NAME_LENGTH.into());
        (length == usize::from(record.flags & NAME_LENGTH) && length > 0).then_some(())?;
        look(&name, record);
    }
    Some(rest)
}

fn record(rest: &mut &[u8], version: u32) -> Option<Recorded> {
    let mut moment = || Some(Moment { seconds: number(rest)?, nanoseconds: number(rest)? });
    let (changed, modified) = (moment()?, moment()?);
    let _device = number(rest)?;
    let (inode, mode) = (number(rest)?, number(rest)?);
    let (user, group, size) = (number(rest)?, number(rest)?, number(rest)?);
    take(rest, HASH)?;
    let flags = short(rest)?;
    let extended = match flags & EXTENDED {
        0 => 0,
        _ if version >= 3 => short(rest)?,
        _ => return None,
    };
    Some(Recorded { changed, modified, inode, mode, user, group, size, flags, extended })
}

/// Extensions whose name starts with a capital letter may be ignored; any other changes what the entries mean. Then the
/// checksum, and nothing more.
fn only_optional_extensions(mut rest: &[u8]) -> Option<()> {
    while rest.len() > HASH {
        take(&mut rest, 1)?.first()?.is_ascii_uppercase().then_some(())?;
        take(&mut rest, 3)?;
        let length = usize::try_from(number(&mut rest)?).ok()?;
        take(&mut rest, length)?;
    }
    (rest.len() == HASH).then_some(())
}

/// Version 4: how many bytes of the previous name go, in groups of seven bits, each group but the last one more than
/// it says.
fn offset(rest: &mut &[u8]) -> Option<usize> {
    let mut byte = *take(rest, 1)?.first()?;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = *take(rest, 1)?.first()?;
        value = value.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
    }
    Some(value)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(take(rest, 4)?.try_into().ok()?))
}

fn short(rest: &mut &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(take(rest, 2)?.try_into().ok()?))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}
