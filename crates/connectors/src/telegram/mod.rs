//! Telegram: a conversation in a chat. What goes between us and the Bot API is in `wire`.

pub mod wire;
