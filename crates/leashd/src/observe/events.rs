//! The public name of every event, in one list: a new event does not compile before it has one.

use leashd_types::Event;

macro_rules! names {
    ($($event:ident => $name:literal,)*) => {
        /// Every name there is.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        /// What the event is called in JSON and by those who want it.
        pub(crate) fn name(event: &Event) -> &'static str {
            match event {
                $(Event::$event { .. } => $name,)*
            }
        }
    };
}

names! {
    EngineStarted => "engine.started",
    EngineStopped => "engine.stopped",
    ConfigReloaded => "config.reloaded",
    ConfigRejected => "config.rejected",
    AuthRejected => "auth.rejected",
    RateLimited => "rate.limited",
    SessionOpened => "session.opened",
    SessionSwitched => "session.switched",
    SessionCleared => "session.cleared",
    ModeChanged => "session.mode",
    DirectoryChanged => "session.directory",
    SessionStarted => "session.started",
    MessageIn => "message.in",
    MessageQueued => "message.queued",
    MessageOut => "message.out",
    ToolGated => "tool.gated",
    ToolAllowed => "tool.allowed",
    ToolDenied => "tool.denied",
    ToolFinished => "tool.finished",
    ToolRefusedByAgent => "tool.refused_by_agent",
    ToolRanUngated => "tool.ran_ungated",
    ApprovalRequested => "approval.requested",
    ApprovalResolved => "approval.resolved",
    InteractionRequested => "interaction.requested",
    InteractionResolved => "interaction.resolved",
    AskAnswered => "ask.answered",
    AskDelivered => "ask.delivered",
    GrantGiven => "grant.given",
    GrantRevoked => "grant.revoked",
    Interrupted => "execution.interrupted",
    Retry => "session.retry",
    TurnCompleted => "session.completed",
    Warning => "session.warning",
    SessionEnded => "session.ended",
}
