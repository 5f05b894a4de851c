//! What outlives a restart of the chat: what each button means, and where each ask is shown. One file, written as a whole
//! and renamed into place. Knows no Telegram.

use super::press::{Binding, Choice, Press};
use leashd_types::{AskId, SessionId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Buttons that are remembered, so that a late tap can be told why it does nothing.
const BUTTONS_MAX: usize = 4000;
/// Asks whose cards are remembered.
const CARDS_MAX: usize = 1000;
/// Sessions whose owner is remembered.
const OWNERS_MAX: usize = 1000;
/// Updates that are remembered as done: more than can be handed out again after a crash.
const SEEN_MAX: usize = 256;
/// Bytes of the file that are read.
const FILE_MAX: u64 = 16 * 1024 * 1024;
const VERSION: u32 = 1;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    v: u32,
    /// The last number given out.
    number: u64,
    buttons: BTreeMap<String, Binding>,
    cards: BTreeMap<AskId, CardPlace>,
    owners: BTreeMap<SessionId, Owner>,
    /// Updates that were carried out, the latest last.
    #[serde(default)]
    seen: VecDeque<i64>,
}

/// Where an ask is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CardPlace {
    pub(crate) chat: i64,
    pub(crate) message: i64,
    /// What is said of it when it is over.
    pub(crate) headline: String,
    number: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Owner {
    user: UserId,
    number: u64,
}

/// The file, and what stands in it.
#[derive(Debug)]
pub(crate) struct Book {
    path: PathBuf,
    kept: Mutex<Kept>,
    /// Held while the file is written: a later state is never overwritten by an earlier one.
    writing: Mutex<u64>,
}

impl Book {
    /// Reads the file of a bot; a file that cannot be understood is put aside and begun anew, for what it says is a
    /// convenience.
    pub(crate) fn open(directory: &Path, bot: &str) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let path = directory.join(format!("telegram-{bot}.json"));
        let kept = match read(&path)? {
            Some(text) => match serde_json::from_str::<Kept>(&text) {
                Ok(kept) if kept.v == VERSION => kept,
                Ok(_) | Err(_) => {
                    fs::rename(&path, path.with_extension("unreadable"))?;
                    Kept::default()
                }
            },
            None => Kept::default(),
        };
        Ok(Self { path, kept: Mutex::new(Kept { v: VERSION, ..kept }), writing: Mutex::new(0) })
    }

    /// Gives each button a name. Nobody can guess one.
    pub(crate) fn bind(&self, choices: &[Choice], chat: i64, person: Option<i64>) -> Vec<String> {
        let mut kept = self.lock();
        let names = choices.iter().map(|choice| {
            let name = Uuid::new_v4().simple().to_string();
            let number = kept.next();
            let binding = Binding { chat, message: None, person, press: choice.press.clone(), number };
            kept.buttons.insert(name.clone(), binding);
            name
        });
        let names = names.collect();
        kept.forget();
        names
    }

    /// The message that buttons stand below.
    pub(crate) fn place(&self, names: &[String], message: i64) {
        let mut kept = self.lock();
        for name in names {
            if let Some(binding) = kept.buttons.get_mut(name) {
                binding.message = Some(message);
            }
        }
    }

    pub(crate) fn button(&self, name: &str) -> Option<Binding> {
        self.lock().buttons.get(name).cloned()
    }

    /// Buttons of this ask do nothing from now on but say why.
    pub(crate) fn retire_ask(&self, ask: &AskId, why: &str) {
        self.retire(|binding| binding.press.ask() == Some(ask), why);
    }

    /// The same for all buttons below a message.
    pub(crate) fn retire_message(&self, chat: i64, message: i64, why: &str) {
        self.retire(|binding| binding.chat == chat && binding.message == Some(message), why);
    }

    /// How many buttons below a message still do something.
    pub(crate) fn live_buttons(&self, chat: i64, message: i64) -> usize {
        let live = |it: &&Binding| {
            it.chat == chat && it.message == Some(message) && !matches!(it.press, Press::Over { .. })
        };
        self.lock().buttons.values().filter(live).count()
    }

    fn retire(&self, these: impl Fn(&Binding) -> bool, why: &str) {
        for binding in self.lock().buttons.values_mut().filter(|binding| these(binding)) {
            if !matches!(binding.press, Press::Over { .. }) {
                binding.press = Press::Over { why: why.to_owned() };
            }
        }
    }

    pub(crate) fn put_card(&self, ask: &AskId, chat: i64, message: i64, headline: &str) {
        let mut kept = self.lock();
        let number = kept.next();
        let place = CardPlace { chat, message, headline: headline.to_owned(), number };
        kept.cards.insert(ask.clone(), place);
        kept.forget();
    }

    pub(crate) fn card(&self, ask: &AskId) -> Option<CardPlace> {
        self.lock().cards.get(ask).cloned()
    }

    /// The ask whose card is this message.
    pub(crate) fn ask_at(&self, chat: i64, message: i64) -> Option<AskId> {
        let kept = self.lock();
        let found = kept.cards.iter().find(|(_, place)| place.chat == chat && place.message == message);
        found.map(|(ask, _)| ask.clone())
    }

    pub(crate) fn cards(&self) -> Vec<(AskId, CardPlace)> {
        self.lock().cards.iter().map(|(ask, place)| (ask.clone(), place.clone())).collect()
    }

    pub(crate) fn drop_card(&self, ask: &AskId) -> Option<CardPlace> {
        self.lock().cards.remove(ask)
    }

    pub(crate) fn set_owner(&self, session: &SessionId, user: &UserId) {
        let mut kept = self.lock();
        let number = kept.next();
        kept.owners.insert(session.clone(), Owner { user: user.clone(), number });
        kept.forget();
    }

    pub(crate) fn owner(&self, session: &SessionId) -> Option<UserId> {
        self.lock().owners.get(session).map(|owner| owner.user.clone())
    }

    /// An update was carried out; it is not again.
    pub(crate) fn saw(&self, update: i64) {
        let mut kept = self.lock();
        if kept.seen.len() >= SEEN_MAX {
            kept.seen.pop_front();
        }
        kept.seen.push_back(update);
    }

    pub(crate) fn seen(&self) -> Vec<i64> {
        self.lock().seen.iter().copied().collect()
    }

    /// Writes the file. Blocks.
    pub(crate) fn save(&self) -> io::Result<()> {
        let mut written = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let text = {
            let kept = self.lock();
            serde_json::to_vec(&*kept)?
        };
        let temporary = self.path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&text)?;
        file.sync_data()?;
        fs::rename(&temporary, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        *written = written.saturating_add(1);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn next(&mut self) -> u64 {
        self.number = self.number.saturating_add(1);
        self.number
    }

    /// The oldest go.
    fn forget(&mut self) {
        forget(&mut self.buttons, BUTTONS_MAX, |binding| binding.number);
        forget(&mut self.cards, CARDS_MAX, |place| place.number);
        forget(&mut self.owners, OWNERS_MAX, |owner| owner.number);
    }
}

fn forget<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, most: usize, number: impl Fn(&V) -> u64) {
    let Some(over) = map.len().checked_sub(most).filter(|over| *over > 0) else { return };
    let mut numbers: Vec<u64> = map.values().map(&number).collect();
    numbers.sort_unstable();
    let oldest_kept = numbers.get(over).copied().unwrap_or(u64::MAX);
    map.retain(|_, value| number(value) >= oldest_kept);
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::metadata(path) {
        Ok(found) if found.len() > FILE_MAX => Ok(Some(String::new())),
        Ok(_) => fs::read_to_string(path).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{BUTTONS_MAX, Book};
    use crate::telegram::press::{Press, choice};
    use leashd_types::{AskId, SessionId, UserId};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn everything_is_there_again_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let ask = AskId::new("ask-1");
        let book = Book::open(&state, "bot").unwrap();
        let names = book.bind(&[choice("Reject", Press::Instruct { ask: ask.clone() })], 7, Some(7));
        book.place(&names, 42);
        book.put_card(&ask, 7, 42, "RUN");
        book.set_owner(&SessionId::new("s"), &UserId::new("7"));
        book.saw(17);
        book.save().unwrap();
        let again = Book::open(&state, "bot").unwrap();
        let binding = again.button(&names[0]).unwrap();
        assert_eq!((binding.chat, binding.message, binding.person), (7, Some(42), Some(7)));
        assert_eq!(again.ask_at(7, 42), Some(ask.clone()));
        assert_eq!(again.ask_at(8, 42), None);
        assert_eq!(again.seen(), [17]);
        assert_eq!(again.owner(&SessionId::new("s")), Some(UserId::new("7")));
        again.retire_ask(&ask, "it is over");
        assert_eq!(again.button(&names[0]).unwrap().press, Press::Over { why: "it is over".to_owned() });
        let mode = std::fs::metadata(state.join("telegram-bot.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_nobody_can_read_is_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "{", "{\"v\":9}", "[]"] {
            std::fs::write(directory.path().join("telegram-bot.json"), text).unwrap();
            let book = Book::open(directory.path(), "bot").unwrap();
            assert!(book.cards().is_empty());
            assert!(directory.path().join("telegram-bot.unreadable").exists(), "{text}");
        }
    }

    #[test]
    fn the_oldest_buttons_are_forgotten_and_names_are_opaque() {
        let directory = tempfile::tempdir().unwrap();
        let book = Book::open(directory.path(), "bot").unwrap();
        let first = book.bind(&[choice("x", Press::NewSession)], 1, None).remove(0);
        let mut last = String::new();
        for _ in 0..BUTTONS_MAX {
            last = book.bind(&[choice("x", Press::NewSession)], 1, None).remove(0);
        }
        assert!(book.button(&first).is_none());
        assert!(book.button(&last).is_some());
        assert!(last.len() <= 64 && last.chars().all(|c| c.is_ascii_hexdigit()), "{last}");
    }
}
