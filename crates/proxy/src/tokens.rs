//! Opaque tokens and what each stands for. Held by their digests, so that neither memory nor timing gives one away.

use crate::{Error, Secret};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

type Key = [u8; 32];

/// Tokens in use. Clones share them.
#[derive(Debug)]
pub struct Tokens<T> {
    held: Arc<RwLock<HashMap<Key, Arc<Held<T>>>>>,
}

/// What a token stands for, for as long as it is valid.
#[derive(Debug)]
pub(crate) struct Held<T> {
    pub(crate) value: T,
    revoked: watch::Sender<bool>,
}

impl<T> Held<T> {
    /// Returns when the token is taken back.
    pub(crate) async fn revoked(&self) {
        let mut receiver = self.revoked.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        drop(receiver.wait_for(|revoked| *revoked).await);
    }
}

impl<T> Tokens<T> {
    /// A new token for `value`, valid until it is taken back.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn issue(&self, value: T) -> Result<Secret, Error> {
        let token = Secret::random()?;
        let held = Arc::new(Held { value, revoked: watch::Sender::new(false) });
        let mut all = self.held.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(key(token.expose()), held);
        Ok(token)
    }

    /// Takes the token back and closes every connection that came in with it.
    pub fn revoke(&self, token: &Secret) {
        let removed = {
            let mut all = self.held.write().unwrap_or_else(PoisonError::into_inner);
            all.remove(&key(token.expose()))
        };
        if let Some(held) = removed {
            held.revoked.send_replace(true);
        }
    }

    pub(crate) fn find(&self, token: &str) -> Option<Arc<Held<T>>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(&key(token)).cloned()
    }
}

impl<T> Default for Tokens<T> {
    fn default() -> Self {
        Self { held: Arc::default() }
    }
}

impl<T> Clone for Tokens<T> {
    fn clone(&self) -> Self {
        Self { held: Arc::clone(&self.held) }
    }
}

fn key(token: &str) -> Key {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    #[test]
    fn a_token_stands_for_its_value_until_it_is_taken_back() {
        let tokens = Tokens::default();
        let (one, two) = (tokens.issue(1).unwrap(), tokens.issue(2).unwrap());
        let value = |token: &str| tokens.find(token).map(|held| held.value);
        assert_eq!((value(one.expose()), value(two.expose()), value("")), (Some(1), Some(2), None));
        tokens.revoke(&one);
        assert_eq!((value(one.expose()), value(two.expose())), (None, Some(2)));
    }

    #[tokio::test]
    async fn taking_back_is_heard_by_who_waits_and_by_who_comes_later() {
        let tokens = Tokens::default();
        let token = tokens.issue(()).unwrap();
        let held = tokens.find(token.expose()).unwrap();
        let waiting = tokio::spawn({
            let held = held.clone();
            async move { held.revoked().await }
        });
        tokens.revoke(&token);
        waiting.await.unwrap();
        held.revoked().await;
    }
}
