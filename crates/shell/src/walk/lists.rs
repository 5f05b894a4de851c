//! Lists, `&&` and `||`, pipelines, background.

use super::{Outcome, Walker};
use crate::expand::Documents;
use crate::limits::{LEVELS, TOO_DEEP};
use crate::syntax::{Command, End, Item, Join, Kind, Pipeline, Script};
use crate::walk::state::{Key, Stream, Variable};
use crate::word::Word;
use std::rc::Rc;

/// The number bash gives to the output of a coprocess.
const READS_FROM: u32 = 63;

/// Whether what stands behind a list is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    GoesOn,
    /// The shell exits.
    Ends,
}

impl Walker<'_> {
    /// Runs the commands of a script. What stands behind an `exit` is read as well: it is better known than not.
    pub(crate) fn script(&mut self, script: &Script<'_>, documents: Documents<'_>) -> Flow {
        let mut flow = Flow::GoesOn;
        for item in &script.items {
            if self.left.commands == 0 {
                return flow;
            }
            if item.end == End::Background {
                self.concurrent += 1;
                self.subshell(|walker| walker.item(item, documents));
                self.concurrent -= 1;
            } else {
                flow = self.item(item, documents);
            }
        }
        flow
    }

    fn item(&mut self, item: &Item<'_>, documents: Documents<'_>) -> Flow {
        let mut outcome = self.pipeline(&item.first, documents);
        for (join, pipeline) in &item.rest {
            outcome = self.joined(outcome, *join, pipeline, documents);
        }
        let stops_on_failure = item.rest.is_empty() && self.shell.exits_on_error;
        let failure = if stops_on_failure { None } else { outcome.failure };
        match self.merged(outcome.success, failure) {
            Some(shell) => {
                self.shell = shell;
                Flow::GoesOn
            }
            None => Flow::Ends,
        }
    }

    fn joined(
        &mut self,
        before: Outcome,
        join: Join,
        pipeline: &Pipeline<'_>,
        documents: Documents<'_>,
    ) -> Outcome {
        let (entered, skipped) = match join {
            Join::And => (before.success, before.failure),
            Join::Or => (before.failure, before.success),
        };
        let reachable = entered.is_some();
        let certain = skipped.is_none();
        if let Some(shell) = entered {
            self.shell = shell;
        }
        let after = if certain && reachable {
            self.pipeline(pipeline, documents)
        } else {
            self.branch(|walker| walker.pipeline(pipeline, documents))
        };
        let (success, failure) = if reachable { (after.success, after.failure) } else { (None, None) };
        match join {
            Join::And => Outcome { success, failure: self.merged(skipped, failure) },
            Join::Or => Outcome { success: self.merged(skipped, success), failure },
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline<'_>, documents: Documents<'_>) -> Outcome {
        let outcome = match pipeline.commands.as_slice() {
            [] => Outcome::either(&self.shell),
            [command] => self.command(command, documents),
            commands => self.stages(commands, documents),
        };
        if pipeline.inverted {
            return Outcome { success: outcome.failure, failure: outcome.success };
        }
        outcome
    }

    fn stages(&mut self, commands: &[Command<'_>], documents: Documents<'_>) -> Outcome {
        let outer = self.input.clone();
        self.concurrent += 1;
        for (index, command) in commands.iter().enumerate() {
            if index + 1 == commands.len() {
                self.subshell(|walker| walker.command(command, documents));
            } else {
                let (_, output) =
                    self.capture(|walker| walker.subshell(|walker| walker.command(command, documents)));
                self.input = match output {
                    // Nothing was printed: the next command reads an empty stream.
                    Stream::Inherited => Stream::text(""),
                    data => data,
                };
            }
        }
        self.concurrent -= 1;
        self.input = outer;
        Outcome::either(&self.shell)
    }

    pub(super) fn command(&mut self, command: &Command<'_>, documents: Documents<'_>) -> Outcome {
        if self.levels >= LEVELS {
            self.unclear(TOO_DEEP);
            return self.here();
        }
        self.levels += 1;
        let outer = std::mem::replace(&mut self.at, command.span);
        let outcome = self.command_inside(command, documents);
        self.at = outer;
        self.levels -= 1;
        outcome
    }

    fn command_inside(&mut self, command: &Command<'_>, documents: Documents<'_>) -> Outcome {
        match &command.kind {
            Kind::Simple(simple) => self.simple(simple, &command.redirects, command.span, documents),
            Kind::Function { name, body } => {
                self.define(name, body);
                Outcome::succeeds(&self.shell)
            }
            Kind::Coproc(inner) => {
                self.concurrent += 1;
                self.via.push("coproc".to_owned());
                let input =
                    std::mem::replace(&mut self.input, Stream::unknown("what is written to a coprocess"));
                let (_, data) =
                    self.capture(|walker| walker.subshell(|walker| walker.command(inner, documents)));
                self.input = input;
                self.via.pop();
                self.concurrent -= 1;
                self.coprocess(data);
                Outcome::either(&self.shell)
            }
            kind => self.compound(kind, &command.redirects, command.span, documents),
        }
    }

    /// What a coprocess prints is read through the first number in `COPROC`.
    fn coprocess(&mut self, data: Stream) {
        let numbers = [(0, READS_FROM), (1, READS_FROM - 3)];
        let elements = numbers.map(|(index, number)| (Key::Index(index), Word::literal(number.to_string())));
        self.set_variable("COPROC", Variable::array(elements.into()));
        self.shell_mut().descriptors.insert(READS_FROM, data);
    }

    pub(super) fn here(&self) -> Outcome {
        Outcome::either(&self.shell)
    }

    /// Goes back to what was known before, or to both.
    pub(super) fn rejoin(&mut self, other: &Rc<super::Shell>) {
        let here = Rc::clone(&self.shell);
        if let Some(shell) = self.merged(Some(here), Some(Rc::clone(other))) {
            self.shell = shell;
        }
    }
}
