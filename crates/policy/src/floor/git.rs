//! Floor: history that others have, and history that cannot be brought back.

use crate::opinion::Opinion;
use crate::seen::Seen;
use leashd_types::{Effect, Force, GitOperation};

pub(super) fn check(seen: &Seen<'_>) -> Option<Opinion> {
    let Effect::Git { operation, force, .. } = seen.effect else { return None };
    match (operation, force) {
        (GitOperation::Push, Force::Forced) => {
            Some(Opinion::floor("force-push", "a forced push rewrites what others have fetched".to_owned()))
        }
        (GitOperation::Rewrite, _) => {
            Some(Opinion::floor("rewrite-history", "this rewrites history for good".to_owned()))
        }
        _ => None,
    }
}
