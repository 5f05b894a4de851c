//! Reads what a client sent: parameters in the address, as JSON, as a form, or as a form with files. Knows no method.

use super::refusal::Refusal;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Multipart};
use axum::http::{Request, header};
use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes of one request: the largest upload and its form.
pub(super) const REQUEST_LIMIT: usize = 64 * 1024 * 1024;

/// Parameters as they came, before anybody looked at their types.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) values: BTreeMap<String, Given>,
    pub(super) files: BTreeMap<String, Upload>,
    /// Names that came more than once.
    pub(super) twice: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Given {
    /// From an address or a form: always text.
    Text(String),
    Json(Value),
}

/// A file of a form.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) bytes: Bytes,
}

impl Raw {
    fn put(&mut self, name: String, given: Given) {
        if self.values.insert(name.clone(), given).is_some() {
            self.twice.push(name);
        }
    }

    fn put_form(&mut self, form: &[u8]) {
        for (name, value) in form_urlencoded::parse(form) {
            self.put(name.into_owned(), Given::Text(value.into_owned()));
        }
    }
}

/// Everything of a request.
pub(super) async fn read(request: Request<Body>) -> Result<Raw, Refusal> {
    let mut raw = Raw::default();
    raw.put_form(request.uri().query().unwrap_or_default().as_bytes());
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "multipart/form-data" {
        read_multipart(request, &mut raw).await?;
        return Ok(raw);
    }
    let Ok(body) = to_bytes(request.into_body(), REQUEST_LIMIT).await else {
        return Err(Refusal::new(413, "Request Entity Too Large"));
    };
    match kind.as_str() {
        "application/json" if !body.is_empty() => read_json(&body, &mut raw)?,
        "application/x-www-form-urlencoded" => raw.put_form(&body),
        _ if body.is_empty() => {}
        other => return Err(Refusal::bad(format!("unsupported content type \"{other}\""))),
    }
    Ok(raw)
}

fn read_json(body: &[u8], raw: &mut Raw) -> Result<(), Refusal> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Err(Refusal::bad("can't parse JSON object"));
    };
    let Value::Object(fields) = value else { return Err(Refusal::bad("object expected as request")) };
    for (name, value) in fields {
        // `null` is as good as nothing.
        if !value.is_null() {
            raw.put(name, Given::Json(value));
        }
    }
    Ok(())
}

async fn read_multipart(request: Request<Body>, raw: &mut Raw) -> Result<(), Refusal> {
    let broken = || Refusal::bad("can't parse multipart form");
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        let name = field.name().ok_or_else(broken)?.to_owned();
        let file = field.file_name().map(str::to_owned);
        let kind = field.content_type().map(str::to_owned);
        let bytes = field.bytes().await.map_err(|_| Refusal::new(413, "Request Entity Too Large"))?;
        if file.is_some() {
            raw.files.insert(name, Upload { name: file, kind, bytes });
            continue;
        }
        let Ok(text) = String::from_utf8(bytes.to_vec()) else {
            return Err(Refusal::bad("strings must be encoded in UTF-8"));
        };
        raw.put(name, Given::Text(text));
    }
    Ok(())
}
