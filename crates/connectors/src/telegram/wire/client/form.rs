//! A form with a file, as bytes (`multipart/form-data`). Knows no method.

use hyper::body::Bytes;

/// The kind of the body, and the body.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) kind: String,
    pub(super) body: Bytes,
}

/// A file to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upload<'a> {
    pub(super) field: &'a str,
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
}

pub(super) fn form(fields: &[(&str, String)], upload: Upload<'_>) -> Form {
    let line = line(upload.bytes, fields);
    let mut body = Vec::with_capacity(upload.bytes.len() + 1024);
    for (name, value) in fields {
        let part = format!("--{line}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{line}\r\ncontent-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\ncontent-type: \
         application/octet-stream\r\n\r\n",
        upload.field,
        quiet(upload.name)
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(upload.bytes);
    body.extend_from_slice(format!("\r\n--{line}--\r\n").as_bytes());
    Form { kind: format!("multipart/form-data; boundary={line}"), body: body.into() }
}

/// A line that stands nowhere in what is sent.
fn line(bytes: &[u8], fields: &[(&str, String)]) -> String {
    let mut line = "leashd-form".to_owned();
    let stands_in = |line: &str, bytes: &[u8]| bytes.windows(line.len()).any(|it| it == line.as_bytes());
    // Each round needs another line in the file, a byte longer: it ends.
    while stands_in(&line, bytes) || fields.iter().any(|it| stands_in(&line, it.1.as_bytes())) {
        line.push('-');
    }
    line
}

/// A file name that cannot end its quotes or its line.
fn quiet(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_control() || matches!(c, '"' | '\\' | '/') { '_' } else { c })
        .take(120)
        .collect();
    if name.is_empty() { "file".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::{Upload, form};

    #[test]
    fn nothing_in_a_file_ends_the_form() {
        let bytes = b"--leashd-form\r\n--leashd-form-";
        let form =
            form(&[("chat_id", "1".to_owned())], Upload { field: "document", name: "a\"\r\nb", bytes });
        assert_eq!(form.kind, "multipart/form-data; boundary=leashd-form--");
        let text = String::from_utf8(form.body.to_vec()).unwrap();
        assert!(text.contains("filename=\"a___b\"") && text.ends_with("\r\n--leashd-form----\r\n"), "{text}");
    }
}
