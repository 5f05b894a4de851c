//! `leashd telegram connect`: a bot, and whom it listens to. The person proves to be at both ends: the code is shown here
//! and sent from there.

use super::prompt::{self, Person};
use crate::boot;
use crate::cli::{TelegramArgs, TelegramCommand};
use crate::daemon::telegram;
use crate::failure::{Exit, Failure};
use crate::settings::edit::Edit;
use crate::settings::value::Value;
use crate::settings::{Settings, Users};
use leashd_connectors::telegram::{Error, Options, Token, pairing};
use leashd_types::{UserId, visible};
use ring::rand::{SecureRandom, SystemRandom};
use std::time::Duration;

const TOKEN: &str = "telegram.bot_token";
const USERS: &str = "telegram.allowed_user_ids";
/// For the code to arrive.
const PATIENCE: Duration = Duration::from_secs(600);
/// Digits of the code.
const CODES: u32 = 1_000_000;

pub(crate) fn run(args: TelegramArgs) -> Result<Exit, Failure> {
    match args.command {
        TelegramCommand::Connect { token } => connect(token),
    }
}

fn connect(given: Option<String>) -> Result<Exit, Failure> {
    let mut edit = Edit::open()?;
    let settings = edit.loaded()?.settings;
    let (token, is_new) = match (given, &settings.telegram.token) {
        (Some(token), _) => (prompt::value(token)?, true),
        (None, Some(token)) => (token.reveal().to_owned(), false),
        (None, None) => (ask_for_token()?, true),
    };
    let options = options(&settings, &token)?;
    let user = boot::with_runtime(pair(&options))??;
    if is_new {
        edit.set(TOKEN, &Value::Text(token))?;
    }
    let mut users = match &settings.telegram.users {
        Users::Only(users) => users.iter().map(ToString::to_string).collect(),
        Users::Nobody | Users::Anybody => Vec::new(),
    };
    let user = user.as_str().to_owned();
    if !users.contains(&user) {
        users.push(user.clone());
    }
    edit.set_text(USERS, &users.join(","))?;
    let file = edit.file().to_owned();
    edit.write()?;
    say!("connected: the bot listens to Telegram user {user}");
    say!("written: {file}");
    say!("next:\n  leashd start     or, if it runs: leashd reload");
    Ok(Exit::Done)
}

fn ask_for_token() -> Result<String, Failure> {
    let person = Person::here("leashd telegram connect --token - < token.txt")?;
    eprintln!(
        "A bot of your own, in two minutes:\n  1. In Telegram, open a chat with @BotFather and send /newbot.\n  2. Choose a \
         name, and a username that ends in `bot`.\n  3. It answers with a token: 123456789:AA… Whoever has it is the \
         bot; show it to nobody."
    );
    person.line("the token", "")
}

fn options(settings: &Settings, token: &str) -> Result<Options, Failure> {
    let token = Token::new(token);
    if !token.is_well_formed() {
        return Err(Failure::usage(
            "this is no token: one looks like 123456789:AAH-abcdefghijklmnopqrstuvwxyz",
        )
        .hint("@BotFather shows it again with /mybots → API Token"));
    }
    let mut options = Options::new(token, telegram::state(settings)?);
    options.base_url = settings.telegram.api_url.trim_end_matches('/').to_owned();
    Ok(options)
}

async fn pair(options: &Options) -> Result<UserId, Failure> {
    let bot = pairing::bot(options).await.map_err(failure)?;
    let code = code()?;
    say!("send this code to @{} as a private message:\n\n  {code}\n", visible(&bot.username));
    eprintln!("waiting; it is good for {} minutes", PATIENCE.as_secs() / 60);
    match tokio::time::timeout(PATIENCE, pairing::run(options, &code)).await {
        Ok(user) => user.map_err(failure),
        Err(_) => Err(Failure::new(Exit::TryLater, "the code did not come; nothing was changed")
            .hint("run it again for a new code")),
    }
}

/// Past guessing with the few tries there are.
fn code() -> Result<String, Failure> {
    let mut bytes = [0; 4];
    let random = SystemRandom::new();
    loop {
        random.fill(&mut bytes).map_err(|_| Failure::failed("the system gives no random numbers"))?;
        let number = u32::from_le_bytes(bytes);
        // The last, incomplete round would make some codes likelier than others.
        if number < u32::MAX - u32::MAX % CODES {
            return Ok(format!("{:06}", number % CODES));
        }
    }
}

fn failure(error: Error) -> Failure {
    let failure = Failure::failed(visible(&error.to_string()));
    match error {
        Error::Telegram(_) | Error::State(_) => failure
            .hint("if leashd runs with this bot, `leashd stop` first: only one program can listen to it"),
        Error::TooManyCodes { .. } | Error::Ended => failure,
    }
}
