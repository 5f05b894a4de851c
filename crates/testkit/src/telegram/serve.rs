//! The HTTP side: addresses, tokens, storms, long polls, downloads. What a method does is not known here.

use super::check::{Arguments, Checked, check};
use super::connection::{Connections, Cut};
use super::methods::{Done, perform};
use super::published::{Method, method};
use super::refusal::Refusal;
use super::request::{REQUEST_LIMIT, Raw, read};
use super::updates::Poll;
use super::weather::Weather;
use super::world::{Outcome, World};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the server and those who act and look in tests have in common.
#[derive(Debug)]
pub(super) struct Shared {
    world: Mutex<World>,
    changes: watch::Sender<u64>,
    pub(super) token: String,
}

impl Shared {
    pub(super) fn new(token: String) -> Self {
        Self { world: Mutex::new(World::new()), changes: watch::Sender::new(0), token }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    /// Everybody who waits looks again.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changes.send_modify(|it| *it = it.wrapping_add(1));
        changed
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let routes =
        Router::new().fallback(answer).layer(DefaultBodyLimit::max(REQUEST_LIMIT)).with_state(shared);
    axum::serve(Connections(listener), routes.into_make_service_with_connect_info::<Cut>()).await
}

/// What goes back to the client.
enum Reply {
    Json(u16, Value),
    Bytes(Bytes),
    Page(u16, &'static str),
    /// The first half of it, then an end in the middle.
    Half(Value),
    Cut,
    Hang,
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request<Body>,
) -> Response {
    let path = request.uri().path().to_owned();
    let reply = if let Some(rest) = path.strip_prefix("/file/bot") {
        download(&shared, rest)
    } else if let Some((token, name)) = path.strip_prefix("/bot").and_then(|it| it.split_once('/')) {
        call(&shared, token, name, request).await
    } else {
        refuse(&Refusal::not_found())
    };
    match reply {
        Reply::Json(code, value) => (status(code), axum::Json(value)).into_response(),
        Reply::Bytes(bytes) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        Reply::Page(code, text) => {
            (status(code), [(header::CONTENT_TYPE, "text/html")], text).into_response()
        }
        Reply::Half(value) => half(&value),
        Reply::Cut => {
            cut.cut();
            StatusCode::OK.into_response()
        }
        Reply::Hang => std::future::pending().await,
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn refuse(refusal: &Refusal) -> Reply {
    Reply::Json(refusal.code, refusal.body())
}

fn success(done: Done) -> Value {
    let mut value = json!({"ok": true, "result": done.result});
    if let (Some(words), Some(fields)) = (done.description, value.as_object_mut()) {
        fields.insert("description".into(), json!(words));
    }
    value
}

fn half(value: &Value) -> Response {
    let whole = value.to_string();
    let bytes = Bytes::from(whole.clone());
    let first = bytes.slice(..bytes.len() / 2);
    let end = Err(io::Error::from(io::ErrorKind::ConnectionAborted));
    let body = Body::from_stream(futures_util::stream::iter([Ok(first), end]));
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_LENGTH, whole.len().to_string()),
    ];
    (headers, body).into_response()
}

fn download(shared: &Shared, rest: &str) -> Reply {
    let Some((token, path)) = rest.split_once('/') else { return refuse(&Refusal::not_found()) };
    if let Err(refusal) = admit(shared, token) {
        return refuse(&refusal);
    }
    let weather = shared.change(|world| {
        let now = world.clock.now();
        world.sky.meet("download", now)
    });
    match struck(&weather) {
        Some(reply) => reply,
        None => match shared.look(|world| world.download(path)) {
            Some(bytes) => Reply::Bytes(bytes),
            None => refuse(&Refusal::not_found()),
        },
    }
}

/// Is it a token, and is it the bot's?
fn admit(shared: &Shared, token: &str) -> Result<(), Refusal> {
    let formed = token.split_once(':').is_some_and(|(id, secret)| {
        let id_is_good = !id.is_empty() && id.chars().all(|c| c.is_ascii_digit());
        id_is_good && !secret.is_empty()
    });
    match formed {
        false => Err(Refusal::not_found()),
        true if token != shared.token || !shared.look(|it| it.token_is_good) => Err(Refusal::unauthorized()),
        true => Ok(()),
    }
}

async fn call(shared: &Shared, token: &str, name: &str, request: Request<Body>) -> Reply {
    if let Err(refusal) = admit(shared, token) {
        return refuse(&refusal);
    }
    let Some(method) = method(name) else {
        shared.change(|world| world.violate(name, "this server plays no such method"));
        return refuse(&Refusal::not_found());
    };
    let raw = read(request).await;
    let weather = shared.change(|world| {
        let now = world.clock.now();
        world.sky.meet(method.name, now)
    });
    if let Some(reply) = struck(&weather) {
        shared.change(|world| world.log(method.name, Value::Null, Outcome::Lost));
        return reply;
    }
    let reply = match raw {
        Ok(raw) => carry_out(shared, method, raw).await,
        Err(refusal) => {
            shared.change(|world| {
                world.violate(method.name, refusal.description.clone());
                world.log(method.name, Value::Null, Outcome::Refused(refusal.clone()));
            });
            refuse(&refusal)
        }
    };
    match (weather, reply) {
        (Weather::LostAnswer, _) => Reply::Cut,
        (Weather::HalfAnswer, Reply::Json(_, value)) => Reply::Half(value),
        (_, reply) => reply,
    }
}

/// What a storm does to a request before it is carried out.
fn struck(weather: &Weather) -> Option<Reply> {
    match weather {
        Weather::Fair | Weather::HalfAnswer | Weather::LostAnswer => None,
        Weather::Throttled(seconds) => Some(refuse(&Refusal::too_many(*seconds))),
        Weather::InternalError => Some(refuse(&Refusal::new(500, "Internal Server Error"))),
        Weather::BadGateway => Some(Reply::Page(
            502,
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n",
        )),
        Weather::Garbage => Some(Reply::Page(200, "{\"ok\":true,\"result\":[{\"update_id\":\u{0}\u{fffd}")),
        Weather::Reset | Weather::Down => Some(Reply::Cut),
        Weather::Hang => Some(Reply::Hang),
    }
}

async fn carry_out(shared: &Shared, method: &Method, raw: Raw) -> Reply {
    let Checked { arguments, violations, refusal } = check(method, raw);
    shared.change(|world| {
        for what in violations {
            world.violate(method.name, what);
        }
    });
    let answer = match refusal {
        Some(refusal) => Err(refusal),
        None if method.name == "getUpdates" => match get_updates(shared, &arguments).await {
            Some(answer) => answer,
            None => return Reply::Cut,
        },
        None => shared.change(|world| perform(world, method.name, &arguments)),
    };
    shared.change(|world| match &answer {
        // Polls are many, and counted elsewhere.
        Ok(_) if method.name == "getUpdates" => {}
        Ok(_) => world.log(method.name, arguments.as_value(), Outcome::Done),
        Err(refusal) => world.log(method.name, arguments.as_value(), Outcome::Refused(refusal.clone())),
    });
    match answer {
        Ok(done) => Reply::Json(200, success(done)),
        Err(refusal) => refuse(&refusal),
    }
}

/// Serves a poll until there is something, it is over, or another one comes. `None`: the connection breaks.
async fn get_updates(shared: &Shared, given: &Arguments) -> Option<Result<Done, Refusal>> {
    let mut changes = shared.changes();
    let opened = shared.change(|world| open_poll(world, given));
    let poll = match opened {
        Ok(poll) => poll,
        Err(refusal) => return Some(Err(refusal)),
    };
    loop {
        changes.borrow_and_update();
        let (look, left) = {
            let mut world = shared.lock();
            let look = look_for_updates(&mut world, poll);
            (look, poll.until.saturating_sub(world.clock.now()))
        };
        match look {
            Look::Answer(answer) => return Some(answer),
            Look::Broken => return None,
            Look::Wait => {}
        }
        tokio::select! {
            changed = changes.changed() => changed.ok()?,
            () = tokio::time::sleep(left) => {}
        }
    }
}

fn open_poll(world: &mut World, given: &Arguments) -> Result<Poll, Refusal> {
    if world.webhook.is_some() {
        return Err(Refusal::webhook_active());
    }
    let now = world.clock.now();
    let number = |name: &str, usual: i64| given.integer(name).unwrap_or(usual);
    let kinds = given.value("allowed_updates").and_then(Value::as_array);
    let kinds = kinds.map(|it| it.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    Ok(world.updates.open(number("offset", 0), number("limit", 100), number("timeout", 0), kinds, now))
}

enum Look {
    Answer(Result<Done, Refusal>),
    Broken,
    Wait,
}

fn look_for_updates(world: &mut World, poll: Poll) -> Look {
    let now = world.clock.now();
    if world.sky.is_down(now) {
        return Look::Broken;
    }
    if world.webhook.is_some() {
        return Look::Answer(Err(Refusal::webhook_active()));
    }
    if world.updates.poll != poll.number {
        world.conflicts += 1;
        return Look::Answer(Err(Refusal::other_poller()));
    }
    let batch = world.updates.batch(poll.limit);
    if batch.is_empty() && now < poll.until {
        return Look::Wait;
    }
    Look::Answer(Ok(Value::Array(batch).into()))
}
