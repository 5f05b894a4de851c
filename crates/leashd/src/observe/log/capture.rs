//! Takes what the code says through `tracing`, with the context of the spans it is said in. Knows no file.

use super::Shared;
use super::line::{Level, Line};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Code whose every level is listened to. Of libraries only warnings are: their details may hold what is secret.
const OURS: &str = "leashd";

pub(super) struct Capture {
    pub(super) shared: Arc<Shared>,
}

/// The fields of a span.
struct Said(Map<String, Value>);

impl Capture {
    fn wanted(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with(OURS);
        if metadata.is_span() {
            return ours;
        }
        match level(metadata) {
            None => false,
            Some(level) => level >= self.shared.level() && (ours || level >= Level::Warning),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wanted(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wanted(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.shared.level() {
            Level::Debug => LevelFilter::DEBUG,
            Level::Info => LevelFilter::INFO,
            Level::Warning => LevelFilter::WARN,
            Level::Error => LevelFilter::ERROR,
        })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut said = Said(Map::new());
        attributes.record(&mut said);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(said);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(said) = span.extensions_mut().get_mut::<Said>()
        {
            values.record(said);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(level) = level(event.metadata()) else { return };
        let mut said = Said(Map::new());
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(outer) = span.extensions().get::<Said>() {
                said.0.extend(outer.0.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        event.record(&mut said);
        let name = match said.0.remove("message") {
            Some(Value::String(message)) => Cow::Owned(message),
            Some(_) | None => Cow::Borrowed(event.metadata().name()),
        };
        self.shared.put(Line { at: (self.shared.clock)(), level, name, fields: said.0 });
    }
}

/// `None` below what is ever written.
fn level(metadata: &Metadata<'_>) -> Option<Level> {
    let level = *metadata.level();
    if level == tracing::Level::ERROR {
        Some(Level::Error)
    } else if level == tracing::Level::WARN {
        Some(Level::Warning)
    } else if level == tracing::Level::INFO {
        Some(Level::Info)
    } else if level == tracing::Level::DEBUG {
        Some(Level::Debug)
    } else {
        None
    }
}

impl Said {
    fn keep(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, Value::String(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value.into());
    }
}
