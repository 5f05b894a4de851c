//! The hostile repository of the self-test, in a rig.

use crate::Rig;

/// The marks it would leave.
#[derive(Debug)]
pub struct Hostile(leashd_agents::claude::Hostile);

impl Hostile {
    /// Plants it in the rig's project.
    ///
    /// # Panics
    /// If a file cannot be written.
    #[must_use]
    pub fn plant(rig: &Rig) -> Self {
        Self(leashd_agents::claude::Hostile::plant(&rig.project(), &rig.path("marks")).unwrap())
    }

    /// What acted.
    ///
    /// # Panics
    /// If the directory of marks is gone.
    #[must_use]
    pub fn marks(&self) -> Vec<String> {
        self.0.marks().unwrap()
    }
}
