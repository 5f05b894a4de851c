//! A client that says exactly what a test tells it to: JSON, forms, forms with files, garbage.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use leashd_testkit::telegram::{Chat, Message, Pace, Person, TelegramServer};
use serde_json::{Value, json};

/// The person of most tests.
pub(crate) const ANN: i64 = 42;

/// A server, Ann who has started a chat with the bot, and a client.
pub(crate) struct Bench {
    pub(crate) server: TelegramServer,
    pub(crate) ann: Person,
    pub(crate) chat: Chat,
    pub(crate) client: Client,
}

impl Bench {
    /// With no limit of pace; `/start` is read and acknowledged.
    pub(crate) async fn new() -> Self {
        let bench = Self::paced(Pace::unlimited()).await;
        bench.ann.sends_command(ANN, "/start");
        let updates = bench.client.ok("getUpdates", json!({})).await;
        let next = updates[0]["update_id"].as_i64().unwrap() + 1;
        bench.client.ok("getUpdates", json!({"offset": next})).await;
        bench
    }

    pub(crate) async fn paced(pace: Pace) -> Self {
        let server = TelegramServer::start().await.unwrap();
        server.set_pace(pace);
        let ann = server.person(ANN, "Ann");
        let chat = server.chat(ANN);
        let client = Client::of(&server);
        Self { server, ann, chat, client }
    }

    /// The bot sends a message with buttons, all of which carry their label as data.
    pub(crate) async fn sends(&self, text: &str, labels: &[&str]) -> Message {
        let row: Vec<_> = labels.iter().map(|it| json!({"text": it, "callback_data": it})).collect();
        let mut request = json!({"chat_id": ANN, "text": text});
        if !labels.is_empty() {
            request["reply_markup"] = json!({"inline_keyboard": [row]});
        }
        let sent = self.client.ok("sendMessage", request).await;
        self.message(&sent)
    }

    pub(crate) fn message(&self, published: &Value) -> Message {
        let id = i32::try_from(published["message_id"].as_i64().unwrap()).unwrap();
        self.chat.message(id).unwrap()
    }

    /// The violations, taken, as text.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.server.take_violations().into_iter().map(|it| it.what).collect()
    }

    /// The call is refused with this code and description, and with these violations.
    #[track_caller]
    pub(crate) fn check(&self, answer: &(u16, Value), code: u16, description: &str, violations: &[&str]) {
        let (status, body) = answer;
        assert_eq!(
            (body["error_code"].as_u64(), body["description"].as_str()),
            (Some(code.into()), Some(description))
        );
        assert_eq!((*status, body["ok"].as_bool()), (code, Some(false)));
        assert_eq!(self.violations(), violations, "{description}");
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    root: String,
    token: String,
}

impl Client {
    pub(crate) fn of(server: &TelegramServer) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Self { http, root: server.base_url(), token: server.token().to_owned() }
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    /// The result of a call as JSON that is expected to succeed.
    #[track_caller]
    pub(crate) fn ok(&self, method: &str, request: Value) -> impl Future<Output = Value> + use<> {
        let (client, method) = (self.clone(), method.to_owned());
        async move {
            let (_, mut body) = client.call(&method, request.clone()).await;
            assert_eq!(body["ok"], json!(true), "{method} {request}: {body}");
            body["result"].take()
        }
    }

    /// Status and body of a call as JSON.
    pub(crate) async fn call(&self, method: &str, request: Value) -> (u16, Value) {
        self.post(method, "application/json", request.to_string()).await
    }

    pub(crate) async fn post(&self, method: &str, kind: &str, body: impl Into<Bytes>) -> (u16, Value) {
        let (status, body) = self.try_post(method, kind, body).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{method}: no JSON: {text}")))
    }

    /// Fails as the network does.
    pub(crate) async fn try_post(
        &self,
        method: &str,
        kind: &str,
        body: impl Into<Bytes>,
    ) -> Result<(u16, Bytes), String> {
        let address = format!("{}/bot{}/{method}", self.root, self.token);
        let request = Request::builder().method(Method::POST).uri(address).header("content-type", kind);
        self.send(request.body(Full::new(body.into())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<(u16, Bytes), String> {
        let address = format!("{}{}", self.root, path.replace("TOKEN", &self.token));
        self.send(Request::builder().uri(address).body(Full::new(Bytes::new())).unwrap()).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), String> {
        let response = self.http.request(request).await.map_err(|it| format!("{it:?}"))?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|it| format!("{it:?}"))?;
        Ok((status, body.to_bytes()))
    }

    /// A form with one file, named and called by its field.
    pub(crate) async fn upload(
        &self,
        method: &str,
        fields: &[(&str, &str)],
        file: &str,
        bytes: &[u8],
    ) -> (u16, Value) {
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend_from_slice(
                format!("--line\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        }
        body.extend_from_slice(
            format!(
                "--line\r\ncontent-disposition: form-data; name=\"{file}\"; filename=\"{file}.txt\"\r\ncontent-type: text/plain\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--line--\r\n");
        self.post(method, "multipart/form-data; boundary=line", body).await
    }
}
