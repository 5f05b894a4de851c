//! What the API answers: JSON, and for what went wrong `{"error":…,"hint":…}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use leashd_types::{Receipt, Refusal};
use serde::{Deserialize, Serialize};

/// The body of every answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorBody {
    pub(crate) error: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

pub(super) fn refuse(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Response {
    (status, Json(ErrorBody { error: error.into(), hint: Some(hint.into()) })).into_response()
}

/// The daemon is going down, or its loop hangs.
pub(super) fn gone() -> Response {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "leashd is stopping", "leashd start starts it again")
}

pub(super) fn ok(body: &impl Serialize) -> Response {
    Json(body).into_response()
}

pub(super) fn text(kind: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

/// A receipt is the answer whatever it says; the status repeats it for those who read nothing else.
pub(super) fn receipt(receipt: &Receipt) -> Response {
    (status_of(receipt), Json(receipt)).into_response()
}

fn status_of(receipt: &Receipt) -> StatusCode {
    let Receipt::Refused { refusal } = receipt else { return StatusCode::OK };
    match refusal {
        Refusal::NotAllowed => StatusCode::FORBIDDEN,
        Refusal::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Unknown { .. } => StatusCode::NOT_FOUND,
        Refusal::Closed { .. } | Refusal::Changed => StatusCode::CONFLICT,
        Refusal::Rejected { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::NotDurable { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}
