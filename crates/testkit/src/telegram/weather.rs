//! What can happen between a bot and Telegram: throttling, errors, garbage, cut and hanging connections. Says what
//! happens to a request; does it to none.

use std::time::Duration;

/// What happens to requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// 429 with this `retry_after`, in seconds.
    Throttled(u64),
    /// 500 with the usual JSON.
    InternalError,
    /// 502 with a page of HTML, as from the server in front of Telegram.
    BadGateway,
    /// 200 with something that is no JSON.
    Garbage,
    /// 200 and then only half of the answer. The request was carried out.
    HalfAnswer,
    /// The connection is reset before anything is carried out.
    Reset,
    /// The request is carried out, and the connection is reset before the answer: was it sent or not?
    LostAnswer,
    /// No answer at all, until the client gives up.
    Hang,
    /// Every connection is reset, open ones and waiting polls included.
    Down,
}

/// Weather for a while, for some methods.
#[derive(Clone, Debug)]
pub struct Storm {
    pub(super) weather: Weather,
    pub(super) methods: Vec<String>,
    pub(super) requests: Option<u32>,
    pub(super) lasts: Option<Duration>,
}

impl Storm {
    #[must_use]
    pub fn of(weather: Weather) -> Self {
        Self { weather, methods: Vec::new(), requests: None, lasts: None }
    }

    /// Only for this method, and those named by further calls.
    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.methods.push(method.to_owned());
        self
    }

    /// Over after so many requests that it met.
    #[must_use]
    pub fn requests(mut self, count: u32) -> Self {
        self.requests = Some(count);
        self
    }

    /// Over after this time of the server's clock.
    #[must_use]
    pub fn lasts(mut self, time: Duration) -> Self {
        self.lasts = Some(time);
        self
    }
}

/// The storms there are, in the order they broke out.
#[derive(Debug, Default)]
pub(super) struct Sky {
    storms: Vec<(Storm, Option<Duration>)>,
    /// Requests that met a storm.
    pub(super) met: u32,
}

impl Sky {
    pub(super) fn break_out(&mut self, storm: Storm, now: Duration) {
        let until = storm.lasts.map(|it| now + it);
        self.storms.push((storm, until));
    }

    pub(super) fn clear(&mut self) {
        self.storms.clear();
    }

    /// The weather a request meets; the oldest storm that is not over comes first.
    pub(super) fn meet(&mut self, method: &str, now: Duration) -> Weather {
        self.storms
            .retain(|(storm, until)| storm.requests != Some(0) && until.is_none_or(|until| now < until));
        let hit = self.storms.iter_mut().map(|it| &mut it.0).find(|storm| {
            storm.methods.is_empty() || storm.methods.iter().any(|it| it.eq_ignore_ascii_case(method))
        });
        let Some(storm) = hit else { return Weather::Fair };
        if let Some(left) = &mut storm.requests {
            *left -= 1;
        }
        self.met += 1;
        storm.weather.clone()
    }

    /// Is there a storm that also ends what is waiting?
    pub(super) fn is_down(&self, now: Duration) -> bool {
        self.storms.iter().any(|(storm, until)| {
            storm.weather == Weather::Down
                && until.is_none_or(|until| now < until)
                && storm.requests != Some(0)
        })
    }
}
