//! A file that comes with a message.

use serde::{Deserialize, Serialize};

/// Its content is base64-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "attachment", rename_all = "kebab-case")]
pub enum Attachment {
    /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
    Image {
        media_type: String,
        base64: String,
    },
    Pdf {
        base64: String,
    },
}
