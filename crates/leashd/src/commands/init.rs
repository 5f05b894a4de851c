//! `leashd init`: the first settings. With a terminal it asks, without one it is told; what is set already stays.

use super::dirs;
use super::prompt::{self, Default, Person};
use crate::cli::InitArgs;
use crate::failure::{Exit, Failure};
use crate::policies;
use crate::settings::Loaded;
use crate::settings::edit::Edit;
use crate::settings::layers::Layer;
use crate::settings::table;
use crate::settings::value::Value;
use std::path::PathBuf;

const TOKEN: &str = "telegram.bot_token";
const USERS: &str = "telegram.allowed_user_ids";
const POLICIES: &str = "policy_files";

/// What is to be written.
#[derive(Debug)]
struct Answers {
    directories: Vec<PathBuf>,
    token: Option<String>,
    users: Vec<String>,
    policies: Vec<String>,
}

pub(crate) fn run(args: InitArgs) -> Result<Exit, Failure> {
    let mut edit = Edit::open()?;
    let before = edit.loaded()?;
    if !edit.is_new() {
        eprintln!("{} is there already; what it says stays, what is new is added", edit.file());
    }
    let answers = if args.yes { told(args)? } else { asked(args, &before)? };
    let mut done = Vec::new();
    for directory in &answers.directories {
        dirs::check(directory, &before.settings)?;
        let loaded = edit.loaded()?;
        if dirs::put(&mut edit, &loaded, directory)? {
            done.push(format!("approved {}", directory.display()));
        }
    }
    if let Some(token) = &answers.token {
        let replaced = if is_set(&before, TOKEN) { " (there was another)" } else { "" };
        edit.set(TOKEN, &Value::Text(token.clone()))?;
        done.push(format!("set the Telegram token{replaced}"));
    }
    if !answers.users.is_empty() {
        edit.set_text(USERS, &answers.users.join(","))?;
        done.push(format!("Telegram users: {}", answers.users.join(", ")));
    }
    if !answers.policies.is_empty() {
        edit.set(POLICIES, &Value::List(answers.policies))?;
        done.push("set the policies".to_owned());
    }
    let file = edit.file().to_owned();
    let after = edit.write()?;
    for line in &done {
        say!("{line}");
    }
    say!("{} {file}", if done.is_empty() { "nothing to change in" } else { "written:" });
    remarks(&after);
    say!("next:\n  leashd start\n  leashd exec \"what does this project do?\"");
    Ok(Exit::Done)
}

/// From flags alone.
fn told(args: InitArgs) -> Result<Answers, Failure> {
    let directories = match args.dir.as_slice() {
        [] => vec![dirs::existing(&std::env::current_dir()?)?],
        named => named.iter().map(|path| dirs::existing(path)).collect::<Result<_, _>>()?,
    };
    Ok(Answers {
        directories,
        token: args.telegram_token.map(prompt::value).transpose()?.filter(|token| !token.is_empty()),
        users: args.user_id.iter().map(ToString::to_string).collect(),
        policies: meant(&args.policy),
    })
}

/// From flags, and from the person for the rest.
fn asked(args: InitArgs, before: &Loaded) -> Result<Answers, Failure> {
    let person = Person::here("leashd init --yes --dir .")?;
    let mut directories = Vec::new();
    if args.dir.is_empty() {
        let here = std::env::current_dir()?;
        let answer =
            person.line("directories agents may work in, with commas between", &here.to_string_lossy())?;
        for item in answer.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            directories.push(crate::settings::expand_tilde(item, &before.settings.user_home));
        }
    } else {
        directories.clone_from(&args.dir);
    }
    let directories = directories.iter().map(|path| dirs::existing(path)).collect::<Result<_, _>>()?;
    let wanted = args.telegram_token.is_none()
        && person.agrees("approve from your phone, over Telegram?", Default::No)?
        && (!is_set(before, TOKEN) || person.agrees("there is a token already; replace it?", Default::No)?);
    let token = match args.telegram_token {
        Some(token) => Some(prompt::value(token)?),
        None if wanted => Some(person.line("token of the bot, from @BotFather", "")?),
        None => None,
    }
    .filter(|token| !token.is_empty());
    let mut users: Vec<String> = args.user_id.iter().map(ToString::to_string).collect();
    if token.is_some() && users.is_empty() {
        let answer = person.line("your Telegram number, from @userinfobot (empty: pair later)", "")?;
        users.extend(answer.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned));
    }
    Ok(Answers { directories, token, users, policies: meant(&args.policy) })
}

fn meant(policies: &[String]) -> Vec<String> {
    policies.iter().map(|name| policies::meant(name)).collect()
}

fn is_set(loaded: &Loaded, key: &str) -> bool {
    let setting = table::find(key).and_then(|row| loaded.layers.setting(row));
    setting.is_some_and(|setting| setting.of(Layer::Config).is_some())
}

/// What a newcomer would otherwise find out late.
fn remarks(loaded: &Loaded) {
    let nobody = loaded.layers.value("LEASHD_ALLOWED_USER_IDS").is_none();
    if loaded.layers.value("LEASHD_TELEGRAM_BOT_TOKEN").is_some() && nobody {
        eprintln!("! nobody may use the bot until somebody is paired, or named in `allowed_user_ids`");
    }
    for name in ["LEASHD_APPROVED_DIRECTORIES", "LEASHD_TELEGRAM_BOT_TOKEN", "LEASHD_ALLOWED_USER_IDS"] {
        if let Some(setting) = table::find(name).and_then(|row| loaded.layers.setting(row)) {
            super::config::warn_of_environment(setting);
        }
    }
}
