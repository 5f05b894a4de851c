//! Whether a host may be connected to, and at which addresses. The order is the point: the name first, so that nothing
//! is even resolved for a host that is not granted; then every address, and the connection goes to those addresses.

use crate::egress::address::classify;
use crate::egress::list::is_this_machine;
use crate::egress::{Answer, HostList, Question, Refusal, Target, TargetHost};
use leashd_types::{CallId, SessionId};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::time::timeout;

/// New hosts one token may ask a person about: more are noise, or a channel out.
const QUESTIONS: usize = 20;
/// Addresses of one name that are looked at.
const ADDRESSES: usize = 32;

/// One question, for as long as it is open, and its answer.
type Asked = Arc<OnceCell<Result<(), Refusal>>>;

/// Whoever holds a token: one command, one server, one session.
#[derive(Debug)]
pub struct Visitor {
    pub(super) session: SessionId,
    pub(super) call: Option<CallId>,
    hosts: HostList,
    answers: Mutex<HashMap<Target, Asked>>,
}

impl Visitor {
    #[must_use]
    pub fn new(session: SessionId, call: Option<CallId>, hosts: HostList) -> Self {
        Self { session, call, hosts, answers: Mutex::default() }
    }

    /// The question about `target`, asked once however many connections wait for it.
    fn question(&self, target: &Target) -> Result<Asked, Refusal> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if !answers.contains_key(target) && answers.len() >= QUESTIONS {
            return Err(Refusal::TooManyQuestions);
        }
        Ok(Arc::clone(answers.entry(target.clone()).or_default()))
    }
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

/// The addresses of `target`, if it may be connected to.
pub(super) async fn admit(
    visitor: &Visitor,
    target: &Target,
    asking: &Asking,
    resolver: &dyn Resolve,
    resolve_time: Duration,
) -> Result<Vec<IpAddr>, Refusal> {
    let hosts = &visitor.hosts;
    // Nobody is asked about what no answer could allow.
    let known: Option<Vec<IpAddr>> = match &target.host {
        TargetHost::Address(address) => Some(vec![*address]),
        TargetHost::Name(_) if is_this_machine(&target.host) => {
            Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
        }
        TargetHost::Name(_) => None,
    };
    if let Some(addresses) = &known {
        check(addresses, target, hosts)?;
    }
    if !hosts.contains(target) {
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
    check(&addresses, target, hosts)?;
    Ok(addresses)
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
    let Some(questions) = &asking.questions else { return Err(Refusal::NotListed) };
    let answer = visitor.question(target)?;
    answer.get_or_init(|| put(visitor, target, questions, asking.time)).await.clone()
}

/// The answer stays: asking again and again until somebody is tired is not a way in.
async fn put(
    visitor: &Visitor,
    target: &Target,
    questions: &mpsc::Sender<Question>,
    time: Duration,
) -> Result<(), Refusal> {
    let (answer, answered) = oneshot::channel();
    let question = Question {
        session: visitor.session.clone(),
        call: visitor.call.clone(),
        target: target.clone(),
        answer,
    };
    // Full means that people have more questions than they can answer.
    questions.try_send(question).map_err(|_| Refusal::NotListed)?;
    match timeout(time, answered).await {
        Ok(Ok(Answer::Allow)) => Ok(()),
        Ok(Ok(Answer::Deny) | Err(_)) => Err(Refusal::Declined),
        Err(_) => Err(Refusal::Unanswered(time)),
    }
}
