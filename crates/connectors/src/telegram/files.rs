//! Files both ways: what a person sends goes to the agent as content, and `/file` brings approved files. Reads nothing
//! itself; the daemon does, and Telegram's download has a limit.

use super::markup::{code, escape};
use super::options::Privacy;
use super::talk::{From, Stopped, Talk};
use super::wire::{Document, File, Message, Photo, Priority, Sound, Text};
use crate::{FileLimits, Query};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leashd_types::{Attachment, Form};
use std::sync::Arc;

/// Files of one `/file`.
const FILES_MAX: usize = 10;
/// Bytes of each of them.
const FILE_MAX: u64 = 10 * 1024 * 1024;

/// What a sent file is for the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Image(&'static str),
    Pdf,
    Text,
}

impl Talk {
    /// A photo or a document came.
    pub(crate) async fn file_comes(self: &Arc<Self>, from: From, message: &Message) -> Result<(), Stopped> {
        // Nothing is downloaded for strangers.
        self.knock(from, Form::File).await?;
        let caption = message.caption.clone().unwrap_or_default();
        let (file_id, name, kind) = match (largest(&message.photo), &message.document) {
            (Some(photo), _) => (photo.file_id.clone(), "photo".to_owned(), Some(Kind::Image("image/jpeg"))),
            (None, Some(document)) => {
                let name = document.file_name.clone().unwrap_or_else(|| "file".to_owned());
                (document.file_id.clone(), name, kind(document))
            }
            (None, None) => return Ok(()),
        };
        let shown = code(&self.clean(&name));
        let Some(kind) = kind else {
            self.say(from, &format!("✗ {shown} is not taken. Send a photo, a PDF or a text file."));
            return Ok(());
        };
        let most = match kind {
            Kind::Image(_) | Kind::Pdf => self.options.attachment_max,
            Kind::Text => self.options.text_file_max,
        };
        let size = message
            .document
            .as_ref()
            .and_then(|it| it.file_size)
            .or_else(|| largest(&message.photo)?.file_size);
        if size.is_some_and(|size| size > most) {
            self.say(from, &format!("✗ {shown} has {} bytes; {most} are possible.", size.unwrap_or(0)));
            return Ok(());
        }
        let fetched = self.client.fetch(&file_id, usize::try_from(most).unwrap_or(usize::MAX)).await;
        let bytes = match fetched {
            Ok(fetched) => fetched.bytes,
            Err(failure) => {
                self.say(from, &format!("✗ {shown} could not be fetched: {}", escape(&failure.to_string())));
                return Ok(());
            }
        };
        let (text, attachments) = match content(&name, kind, &bytes, &caption) {
            Ok(content) => content,
            Err(why) => {
                self.say(from, &format!("✗ {shown} {why}"));
                return Ok(());
            }
        };
        self.say_to_agent(from, Form::File, text, attachments).await
    }

    /// `/file`: approved files by path or glob.
    pub(crate) async fn send_files(self: &Arc<Self>, from: From, pattern: &str) -> Result<(), Stopped> {
        self.knock(from, Form::Command).await?;
        if pattern.is_empty() {
            self.say(
                from,
                "Write the file after it: <code>/file src/main.rs</code> or <code>/file logs/*.txt</code>",
            );
            return Ok(());
        }
        if self.options.privacy != Privacy::Full {
            self.say(from, "✗ Files do not leave the machine (privacy).");
            return Ok(());
        }
        let session = self.session(from, Form::Command).await?;
        let talk = Arc::clone(self);
        let pattern = pattern.to_owned();
        tokio::spawn(async move {
            let limits = FileLimits { files: FILES_MAX, bytes: FILE_MAX };
            let speaker = from.speaker();
            let asked = pattern.clone();
            let found = talk
                .query(|reply| Query::Files { session, pattern: asked, from: speaker, limits, reply })
                .await;
            match found {
                None => talk.say(from, "✗ leashd cannot read files now; try again in a moment."),
                Some(Err(why)) => talk.say(from, &format!("✗ {}", escape(&talk.clean(&why)))),
                Some(Ok(files)) if files.is_empty() => {
                    talk.say(from, &format!("✗ There is no approved file {}", code(&talk.clean(&pattern))));
                }
                Some(Ok(files)) => files.into_iter().for_each(|file| talk.send_file(from, file)),
            }
        });
        Ok(())
    }

    fn send_file(&self, from: From, file: leashd_types::FileView) {
        let path = self.clean(&file.path.display().to_string());
        if file.bytes.is_empty() {
            return self.say(from, &format!("{} is empty.", code(&path)));
        }
        // Secrets are taken out of texts; out of anything else they cannot be.
        let bytes = match String::from_utf8(file.bytes) {
            Ok(text) => self.options.redact.text(&text).into_bytes(),
            Err(other) => {
                let bytes = other.into_bytes();
                let text = String::from_utf8_lossy(&bytes);
                if self.options.redact.text(&text) != text {
                    return self.say(from, &format!("✗ {} is no text, and a secret is in it.", code(&path)));
                }
                bytes
            }
        };
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        let caption = Text::plain(super::markup::clip(&path, 900));
        drop(self.outbox.document(File {
            chat: from.chat,
            name,
            bytes: bytes.into(),
            caption,
            reply_to: from.message,
            priority: Priority::Reply,
            sound: Sound::Silent,
        }));
    }
}

fn largest(photos: &[Photo]) -> Option<&Photo> {
    photos.iter().max_by_key(|photo| (u64::from(photo.width) * u64::from(photo.height), photo.file_size))
}

fn kind(document: &Document) -> Option<Kind> {
    let media = document.mime_type.as_deref().unwrap_or_default();
    let name = document.file_name.as_deref().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match (media, ending.as_str()) {
        ("image/png", _) => Some(Kind::Image("image/png")),
        ("image/jpeg", _) => Some(Kind::Image("image/jpeg")),
        ("image/gif", _) => Some(Kind::Image("image/gif")),
        ("image/webp", _) => Some(Kind::Image("image/webp")),
        ("application/pdf", _) => Some(Kind::Pdf),
        (media, _)
            if media.starts_with("audio/") || media.starts_with("video/") || media.starts_with("image/") =>
        {
            None
        }
        (_, "zip" | "gz" | "xz" | "bz2" | "7z" | "tar" | "exe" | "so" | "bin" | "jar" | "docx" | "xlsx") => {
            None
        }
        // What is text is seen when it is read.
        _ => Some(Kind::Text),
    }
}

fn content(
    name: &str,
    kind: Kind,
    bytes: &[u8],
    caption: &str,
) -> Result<(String, Vec<Attachment>), &'static str> {
    match kind {
        Kind::Image(media_type) => {
            let image =
                Attachment::Image { media_type: media_type.to_owned(), base64: STANDARD.encode(bytes) };
            Ok((caption.to_owned(), vec![image]))
        }
        Kind::Pdf if !bytes.starts_with(b"%PDF-") => Err("is not a PDF."),
        Kind::Pdf => Ok((caption.to_owned(), vec![Attachment::Pdf { base64: STANDARD.encode(bytes) }])),
        Kind::Text => {
            let text = std::str::from_utf8(bytes).map_err(|_| "is not text in UTF-8.")?;
            if text.contains('\0') {
                return Err("is not text.");
            }
            let name: String =
                name.chars().map(|c| if c.is_control() || c == '`' { '_' } else { c }).collect();
            let fence = fence(text);
            let head = if caption.is_empty() { String::new() } else { format!("{caption}\n\n") };
            Ok((format!("{head}File `{name}`:\n{fence}\n{text}\n{fence}"), Vec::new()))
        }
    }
}

/// A fence that the text cannot close.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.saturating_add(1).max(3))
}

#[cfg(test)]
mod tests {
    use super::{Kind, content, fence};

    #[test]
    fn a_text_cannot_leave_its_fence() {
        assert_eq!(fence("a"), "```");
        assert_eq!(fence("x ```` y"), "`````");
        let (text, _) = content("a`\n.rs", Kind::Text, b"fn main() {}", "look").unwrap();
        assert_eq!(text, "look\n\nFile `a__.rs`:\n```\nfn main() {}\n```");
        assert!(content("a", Kind::Text, b"\xff", "").is_err());
        assert!(content("a", Kind::Text, b"a\0b", "").is_err());
        assert!(content("a", Kind::Pdf, b"MZ", "").is_err());
    }
}
