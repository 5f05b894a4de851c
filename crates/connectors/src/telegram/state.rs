//! What outlives a restart of the chat: what each button means, and where each ask is shown. One file, written as a whole
//! and renamed into place. Knows no Telegram.

use super::press::{Binding, Choice, Press};
use leashd_types::{AskId, SessionId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
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
/// People whose names are remembered.
const NAMES_MAX: usize = 1000;
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
    /// Updates whose commands may have been carried out; what became of them was not written down yet.
    #[serde(default)]
    begun: VecDeque<i64>,
    #[serde(default)]
    names: BTreeMap<i64, Name>,
}

/// Where an ask is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CardPlace {
    pub(crate) chat: i64,
    /// Unknown until Telegram says so, or somebody presses a button of it.
    pub(crate) message: Option<i64>,
    /// Where it stands besides: it is sent again when nobody knows whether it was sent.
    #[serde(default)]
    others: Vec<i64>,
    /// What is said of it when it is over.
    pub(crate) headline: String,
    /// What is left of it: the ask is over, and Telegram does not say so yet.
    #[serde(default)]
    pub(crate) receipt: Option<String>,
    number: u64,
}

impl CardPlace {
    pub(crate) fn messages(&self) -> Vec<i64> {
        self.message.iter().chain(&self.others).copied().collect()
    }

    fn is_at(&self, message: i64) -> bool {
        self.message == Some(message) || self.others.contains(&message)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Name {
    name: String,
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
    /// Updates that were begun before this start and perhaps not ended.
    unfinished: BTreeSet<i64>,
    /// Counts wishes to write.
    wanted: AtomicU64,
    /// The last wish that is fulfilled. Held while the file is written: a later state is never overwritten by an earlier
    /// one.
    written: Mutex<u64>,
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
        let unfinished = kept.begun.iter().copied().collect();
        let kept = Mutex::new(Kept { v: VERSION, ..kept });
        Ok(Self { path, kept, unfinished, wanted: AtomicU64::new(0), written: Mutex::new(0) })
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

    /// Buttons of this ask do nothing from now on but say why; later words take the place of earlier ones.
    pub(crate) fn retire_ask(&self, ask: &AskId, why: &str) {
        for binding in self.lock().buttons.values_mut().filter(|it| it.press.ask() == Some(ask)) {
            binding.press = Press::Over { why: why.to_owned(), ask: Some(ask.clone()) };
        }
    }

    /// The same for all buttons below a message.
    pub(crate) fn retire_message(&self, chat: i64, message: i64, why: &str) {
        let mut kept = self.lock();
        let below = |it: &&mut Binding| it.chat == chat && it.message == Some(message);
        for binding in kept.buttons.values_mut().filter(below) {
            if !matches!(binding.press, Press::Over { .. }) {
                binding.press = Press::Over { why: why.to_owned(), ask: None };
            }
        }
    }

    /// How many buttons below a message still do something.
    pub(crate) fn live_buttons(&self, chat: i64, message: i64) -> usize {
        let live = |it: &&Binding| {
            it.chat == chat && it.message == Some(message) && !matches!(it.press, Press::Over { .. })
        };
        self.lock().buttons.values().filter(live).count()
    }

    /// A card is about to be sent; where to, Telegram will say.
    pub(crate) fn begin_card(&self, ask: &AskId, chat: i64, headline: &str) {
        let mut kept = self.lock();
        let number = kept.next();
        let headline = headline.to_owned();
        let place = CardPlace { chat, message: None, others: Vec::new(), headline, receipt: None, number };
        kept.cards.entry(ask.clone()).or_insert(place);
        kept.forget();
    }

    /// The card stands in this message. Nothing, if that is known or the card is not.
    pub(crate) fn card_at(&self, ask: &AskId, message: i64) -> Option<CardPlace> {
        let mut kept = self.lock();
        let place = kept.cards.get_mut(ask).filter(|place| !place.is_at(message))?;
        match place.message {
            None => place.message = Some(message),
            Some(_) => place.others.push(message),
        }
        Some(place.clone())
    }

    /// The ask is over. Its card is remembered until Telegram says so too. Nothing, if it was over before.
    pub(crate) fn end_card(&self, ask: &AskId, receipt: &str) -> Option<CardPlace> {
        let mut kept = self.lock();
        let place = kept.cards.get_mut(ask).filter(|place| place.receipt.is_none())?;
        place.receipt = Some(receipt.to_owned());
        Some(place.clone())
    }

    pub(crate) fn card(&self, ask: &AskId) -> Option<CardPlace> {
        self.lock().cards.get(ask).cloned()
    }

    /// The ask whose card is this message.
    pub(crate) fn ask_at(&self, chat: i64, message: i64) -> Option<AskId> {
        let kept = self.lock();
        let found = kept.cards.iter().find(|(_, place)| place.chat == chat && place.is_at(message));
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

    /// What a person is called.
    pub(crate) fn is_called(&self, person: i64, name: &str) {
        let mut kept = self.lock();
        if kept.names.get(&person).is_some_and(|known| known.name == name) {
            return;
        }
        let number = kept.next();
        kept.names.insert(person, Name { name: name.to_owned(), number });
        kept.forget();
    }

    pub(crate) fn name(&self, person: i64) -> Option<String> {
        self.lock().names.get(&person).map(|known| known.name.clone())
    }

    /// What an update asks for is about to be carried out: from now on it must not be carried out again. False, if that is
    /// known.
    pub(crate) fn begins(&self, update: i64) -> bool {
        let mut kept = self.lock();
        if kept.begun.contains(&update) {
            return false;
        }
        if kept.begun.len() >= SEEN_MAX {
            kept.begun.pop_front();
        }
        kept.begun.push_back(update);
        true
    }

    /// It was begun before this start, and nobody knows how far it came.
    pub(crate) fn is_unfinished(&self, update: i64) -> bool {
        self.unfinished.contains(&update)
    }

    /// An update was carried out; it is not again.
    pub(crate) fn saw(&self, update: i64) {
        let mut kept = self.lock();
        kept.begun.retain(|begun| *begun != update);
        if kept.seen.len() >= SEEN_MAX {
            kept.seen.pop_front();
        }
        kept.seen.push_back(update);
    }

    pub(crate) fn seen(&self) -> Vec<i64> {
        self.lock().seen.iter().copied().collect()
    }

    /// Writes the file, unless somebody else wrote it after the caller asked for it. Blocks.
    pub(crate) fn save(&self) -> io::Result<()> {
        let mine = self.wanted.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written >= mine {
            return Ok(());
        }
        // All that was changed before these wishes stands in what is read after them.
        let all = self.wanted.load(Ordering::SeqCst);
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
        *written = all;
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
        forget(&mut self.names, NAMES_MAX, |known| known.number);
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
        book.begin_card(&ask, 7, "RUN");
        assert_eq!(book.card_at(&ask, 42).map(|place| place.messages()), Some(vec![42]));
        book.set_owner(&SessionId::new("s"), &UserId::new("7"));
        book.is_called(7, "Anna");
        assert!(book.begins(17) && !book.begins(17) && book.begins(18));
        book.saw(17);
        book.save().unwrap();
        let again = Book::open(&state, "bot").unwrap();
        let binding = again.button(&names[0]).unwrap();
        assert_eq!((binding.chat, binding.message, binding.person), (7, Some(42), Some(7)));
        assert_eq!(again.ask_at(7, 42), Some(ask.clone()));
        assert_eq!(again.ask_at(8, 42), None);
        assert_eq!(again.seen(), [17]);
        assert_eq!((again.is_unfinished(17), again.is_unfinished(18)), (false, true));
        assert_eq!(again.name(7).as_deref(), Some("Anna"));
        assert_eq!(again.owner(&SessionId::new("s")), Some(UserId::new("7")));
        again.retire_ask(&ask, "it is answered");
        again.retire_ask(&ask, "it is over");
        let over = Press::Over { why: "it is over".to_owned(), ask: Some(ask.clone()) };
        assert_eq!(again.button(&names[0]).unwrap().press, over);
        // Sent twice, because nobody knew of the first one.
        assert_eq!(again.card_at(&ask, 41).map(|place| place.messages()), Some(vec![42, 41]));
        assert_eq!(again.card_at(&ask, 41), None);
        assert!(again.end_card(&ask, "over").is_some() && again.end_card(&ask, "over again").is_none());
        assert_eq!(again.card(&ask).unwrap().receipt.as_deref(), Some("over"));
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
