//! Whether a host may be connected to, and at which addresses. The order is the point: the name first, so that nothing
//! is even resolved for a host that is not granted; then every address, and the connection goes to those addresses.

use crate::egress::address::classify;
use crate::egress::list::is_this_machine;
use crate::egress::{Answer, HostList, Question, Refusal, Target, TargetHost};
use leashd_types::{CallId, SessionId};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// New hosts one token may ask a person about: more are noise, or a channel out.
const QUESTIONS: usize = 20;
/// Addresses of one name that are looked at.
const ADDRESSES: usize = 32;

/// The question about one host: nothing until it is answered.
type Asked = watch::Receiver<Option<Result<(), Refusal>>>;

/// Whoever holds a token: one command, one server, one agent.
#[derive(Debug)]
pub struct Visitor {
    pub(super) session: SessionId,
    pub(super) call: Option<CallId>,
    hosts: HostList,
    beyond: Beyond,
    answers: Mutex<HashMap<Target, Asked>>,
    lent: Mutex<Vec<Lent>>,
}

/// What about a host that is not in a visitor's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beyond {
    Asked,
    Denied,
}

/// Hosts that a visitor reaches for the time of one call.
#[derive(Debug)]
struct Lent {
    call: CallId,
    hosts: HostList,
    /// Dropped when the call is over.
    over: watch::Sender<()>,
}

/// A connection that ends with the call it was lent to.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) call: CallId,
    over: watch::Receiver<()>,
}

impl Lease {
    /// Returns when the call is over.
    pub(super) async fn over(&self) {
        let mut over = self.over.clone();
        // Nothing is ever sent: the sender's end is the news.
        while over.changed().await.is_ok() {}
    }
}

impl Visitor {
    /// Somebody who reaches `hosts`, and of whose other hosts people are asked.
    #[must_use]
    pub fn new(session: SessionId, call: Option<CallId>, hosts: HostList) -> Self {
        let beyond = Beyond::Asked;
        Self { session, call, hosts, beyond, answers: Mutex::default(), lent: Mutex::default() }
    }

    /// Nobody is asked about hosts beyond the list.
    #[must_use]
    pub fn listed_only(self) -> Self {
        Self { beyond: Beyond::Denied, ..self }
    }

    pub(super) fn lend(&self, call: CallId, hosts: HostList) {
        let lent = Lent { call, hosts, over: watch::Sender::new(()) };
        self.lent.lock().unwrap_or_else(PoisonError::into_inner).push(lent);
    }

    pub(super) fn take_back(&self, call: &CallId) {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner).retain(|lent| lent.call != *call);
    }

    /// The list that `target` is in, and the call it was lent to.
    fn list(&self, target: &Target) -> Option<(HostList, Option<Lease>)> {
        if self.hosts.contains(target) {
            return Some((self.hosts.clone(), None));
        }
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lent.iter().find(|lent| lent.hosts.contains(target))?;
        let lease = Lease { call: found.call.clone(), over: found.over.subscribe() };
        Some((found.hosts.clone(), Some(lease)))
    }

    /// The question about `target`, asked once however many connections wait for it, and however often they give up
    /// and come again. It ends with the visitor.
    fn question(
        &self,
        target: &Target,
        questions: &mpsc::Sender<Question>,
        time: Duration,
    ) -> Result<Asked, Refusal> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = answers.get(target) {
            return Ok(asked.clone());
        }
        if answers.len() >= QUESTIONS {
            return Err(Refusal::TooManyQuestions);
        }
        let (answer, answered) = oneshot::channel();
        let (session, call) = (self.session.clone(), self.call.clone());
        let question = Question { session, call, target: target.clone(), answer };
        // Full means that people have more questions than they can answer.
        questions.try_send(question).map_err(|_| Refusal::NotListed)?;
        let (sender, asked) = watch::channel(None);
        tokio::spawn(wait(answered, time, sender));
        answers.insert(target.clone(), asked.clone());
        Ok(asked)
    }
}

/// Waits for the answer as long as somebody could hear it. It stays: asking again and again until somebody is tired is
/// not a way in.
async fn wait(
    answered: oneshot::Receiver<Answer>,
    time: Duration,
    sender: watch::Sender<Option<Result<(), Refusal>>>,
) {
    let result = tokio::select! {
        answer = timeout(time, answered) => match answer {
            Ok(Ok(Answer::Allow)) => Ok(()),
            Ok(Ok(Answer::Deny { reason })) => Err(Refusal::Declined(reason)),
            Ok(Err(_)) => Err(Refusal::Declined("nobody answers".to_owned())),
            Err(_) => Err(Refusal::Unanswered(time)),
        },
        () = sender.closed() => return,
    };
    sender.send_replace(Some(result));
}

/// What a name leads to. The real one is the system's resolver.
pub trait Resolve: Send + Sync + std::fmt::Debug {
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;
}

/// Asks the system: `/etc/hosts`, DNS, whatever it is configured to.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Who is asked about a host that is not listed, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) questions: Option<mpsc::Sender<Question>>,
    pub(super) time: Duration,
}

/// Where a connection may go, and how long it is good for.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) lease: Option<Lease>,
}

/// The addresses of `target`, if it may be connected to.
pub(super) async fn admit(
    visitor: &Visitor,
    target: &Target,
    asking: &Asking,
    resolver: &dyn Resolve,
    resolve_time: Duration,
) -> Result<Admitted, Refusal> {
    let listed = visitor.list(target);
    let (hosts, lease) = listed.clone().unwrap_or_else(|| (visitor.hosts.clone(), None));
    // Nobody is asked about what no answer could allow.
    let known: Option<Vec<IpAddr>> = match &target.host {
        TargetHost::Address(address) => Some(vec![*address]),
        TargetHost::Name(_) if is_this_machine(&target.host) => {
            Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
        }
        TargetHost::Name(_) => None,
    };
    if let Some(addresses) = &known {
        check(addresses, target, &hosts)?;
    }
    if listed.is_none() {
        ask(visitor, target, asking).await?;
    }
    let addresses = match (known, &target.host) {
        (Some(addresses), _) => addresses,
        (None, TargetHost::Address(address)) => vec![*address],
        (None, TargetHost::Name(name)) => timeout(resolve_time, resolver.resolve(name))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| Refusal::Unresolvable(error.kind()))?,
    };
    if addresses.is_empty() || addresses.len() > ADDRESSES {
        return Err(Refusal::Unresolvable(io::ErrorKind::InvalidData));
    }
    check(&addresses, target, &hosts)?;
    Ok(Admitted { addresses, lease })
}

/// All of them have to pass: a name that leads to the inside as well is not to be trusted at all.
fn check(addresses: &[IpAddr], target: &Target, hosts: &HostList) -> Result<(), Refusal> {
    for &address in addresses {
        if let Some(class) = classify(address)
            && !hosts.reaches(class, target)
        {
            return Err(Refusal::Inside { address, class });
        }
    }
    Ok(())
}

async fn ask(visitor: &Visitor, target: &Target, asking: &Asking) -> Result<(), Refusal> {
    let questions = match visitor.beyond {
        Beyond::Asked => asking.questions.as_ref().ok_or(Refusal::NotListed)?,
        Beyond::Denied => return Err(Refusal::NotListed),
    };
    let mut asked = visitor.question(target, questions, asking.time)?;
    let answer = asked.wait_for(Option::is_some).await.map(|answer| answer.clone());
    answer.ok().flatten().unwrap_or(Err(Refusal::NotListed))
}
