//! Files the bot sends and fetches. Knows photos only by their first bytes.

use super::super::check::{Arguments, missing};
use super::super::markup;
use super::super::message::{Media, Version};
use super::super::published::{DOWNLOAD_LIMIT, PHOTO_LIMIT, UPLOAD_LIMIT};
use super::super::refusal::Refusal;
use super::super::request::Upload;
use super::super::world::{Draft, StoredFile, World};
use super::{Answer, send};
use serde_json::json;

/// Where the bytes of a file come from.
enum Source<'a> {
    Upload(&'a Upload),
    Known(String),
}

pub(super) fn document(world: &mut World, given: &Arguments) -> Answer {
    let method = "sendDocument";
    let source = source(world, method, given, "document")?;
    if let Source::Upload(upload) = &source {
        size(world, method, upload, UPLOAD_LIMIT)?;
    }
    let id = match source {
        Source::Known(id) => id,
        Source::Upload(upload) => world.keep(stored(upload, (0, 0))),
    };
    send_file(world, method, given, Media::Document(id))
}

pub(super) fn photo(world: &mut World, given: &Arguments) -> Answer {
    let method = "sendPhoto";
    let ids = match source(world, method, given, "photo")? {
        Source::Known(id) => vec![id],
        Source::Upload(upload) => {
            size(world, method, upload, PHOTO_LIMIT)?;
            let (width, height) =
                dimensions(&upload.bytes).ok_or_else(|| Refusal::bad("IMAGE_PROCESS_FAILED"))?;
            let (short, long) = (width.min(height), width.max(height));
            if width.saturating_add(height) > 10_000 || short == 0 || long / short > 20 {
                return Err(Refusal::bad("PHOTO_INVALID_DIMENSIONS"));
            }
            let small = (width.min(90), height.min(90));
            vec![world.keep(stored(upload, small)), world.keep(stored(upload, (width, height)))]
        }
    };
    send_file(world, method, given, Media::Photo(ids))
}

fn send_file(world: &mut World, method: &str, given: &Arguments, media: Media) -> Answer {
    let formatted = send::text(world, method, given, ("caption", "caption_entities"))?;
    send::caption_length(world, method, &formatted, "message caption is too long")?;
    let markup = markup::read(given.value("reply_markup"))?;
    let chat = world.writable(given.value("chat_id"))?;
    let mut draft = Draft::by_bot(Version { formatted, buttons: markup.buttons });
    draft.asks_reply = markup.asks_reply;
    draft.media = Some(media);
    send::finish(world, given, chat, draft)
}

fn source<'a>(
    world: &mut World,
    method: &str,
    given: &'a Arguments,
    name: &str,
) -> Result<Source<'a>, Refusal> {
    let text = given.text(name);
    let attached = text.strip_prefix("attach://");
    if let Some(upload) = given.upload(attached.unwrap_or(name)) {
        return Ok(Source::Upload(upload));
    }
    if text.is_empty() || attached.is_some() {
        return Err(Refusal::bad(missing(name)));
    }
    if text.contains("://") {
        world.violate(method, "this server fetches nothing from the web");
        return Err(Refusal::bad("failed to get HTTP URL content"));
    }
    match world.files.contains_key(text) {
        true => Ok(Source::Known(text.to_owned())),
        false => Err(Refusal::bad("wrong file identifier/HTTP URL specified")),
    }
}

fn size(world: &mut World, method: &str, upload: &Upload, most: usize) -> Result<(), Refusal> {
    let length = upload.bytes.len();
    if length == 0 {
        return Err(Refusal::bad("file must be non-empty"));
    }
    if length <= most {
        return Ok(());
    }
    world.violate(method, format!("a file of {length} bytes, at most {most} are allowed"));
    Err(match method {
        "sendPhoto" => Refusal::bad("file is too big for a photo"),
        _ => Refusal::new(413, "Request Entity Too Large"),
    })
}

fn stored(upload: &Upload, size: (u32, u32)) -> StoredFile {
    StoredFile {
        id: String::new(),
        name: upload.name.clone().filter(|it| !it.is_empty()),
        kind: upload.kind.clone(),
        bytes: upload.bytes.clone(),
        size,
        seconds: 0,
        link_until: None,
    }
}

/// Width and height of a PNG; a JPEG is taken for one of 800 by 600.
pub(in super::super) fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return Some((800, 600));
    }
    let number = |at: usize| {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    bytes.starts_with(b"\x89PNG\r\n\x1a\n").then_some(())?;
    Some((number(16)?, number(20)?))
}

pub(super) fn link(world: &mut World, given: &Arguments) -> Answer {
    let id = given.text("file_id");
    if id.is_empty() {
        return Err(Refusal::bad("file_id not specified"));
    }
    let Some(file) = world.files.get(id) else { return Err(Refusal::bad("invalid file_id")) };
    if file.bytes.len() > DOWNLOAD_LIMIT {
        return Err(Refusal::bad("file is too big"));
    }
    let Some(file) = world.link(id) else { return Err(Refusal::bad("invalid file_id")) };
    let result = json!({
        "file_id": file.id, "file_unique_id": file.unique(), "file_size": file.bytes.len(), "file_path": file.path(),
    });
    Ok(result.into())
}
