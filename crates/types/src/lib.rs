//! The vocabulary: what every other crate speaks. Plain values, no behaviour beyond constructors, order and
//! display. Knows no file, clock, process or network.

mod agent;
mod ask;
mod attachment;
mod call;
mod chat;
mod command;
mod decision;
mod digest;
mod effect;
mod event;
mod facts;
mod git;
mod glob;
mod ids;
mod kept;
mod money;
mod time;
mod usage;
mod verdict;
mod view;
mod visible;

pub use agent::{AgentEvent, Fault, Origin, RanCall, RanOutcome, TurnEnd, TurnOutcome};
pub use ask::{Answer, Approver, Ask, AskKind, Choice, PlanAnswer, Question};
pub use attachment::Attachment;
pub use call::{AgentKind, Mode, NETWORK_TOOL, ToolCall, digest_of};
pub use chat::{Chat, ConnectorKind, Envelope, Form, Receipt, Refusal};
pub use command::{Attended, Command, OpenSession, Seen};
pub use decision::{Band, Decision};
pub use digest::Digest;
pub use effect::{
    CodeSource, Depth, Direction, Effect, Force, GitOperation, Host, Opens, PathText, Strength, SystemChange,
};
pub use event::{AskOutcome, EVENT_VERSION, Event, ToolSummary};
pub use facts::{
    AGENT_HOMES, Attendance, Containment, Facts, FileText, GitGrants, Matches, PLANS, PathFact, PathKind,
    Protected, Protection, Questions, Recovery, ResolvedPath,
};
pub use git::{GitBranch, GitChanges, GitEnd, GitOrder, GitSaid};
pub use glob::{glob_may_match, matches_everything};
pub use ids::{AskId, CallId, MessageId, RunId, SessionId, SubagentId, TurnId, UserId};
pub use kept::{
    AskRow, AskState, AskStep, EventRow, GrantRow, Kept, MessageRow, MessageState, Restored, Role, RunRow,
    SessionRow, SessionState,
};
pub use money::Money;
pub use time::Timestamp;
pub use usage::Usage;
pub use verdict::{CommandReport, NearestAllow, RuleRef, Stage, Verdict};
pub use view::{FileView, PlaceView, SessionView, WorkspaceView};
pub use visible::{is_hidden, visible};
