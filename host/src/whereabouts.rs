//! [`Whereabouts`]: where the host can be reached, as its transports say, and the run file that tells others.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;
use transom_plugin_api::hosting::Listening;
use transom_plugin_api::sabotage::sabotaged;

use crate::data::DataFolder;

/// Follows the transports through their generations. Of several, the first one that speaks HTTP is told to others, and the first
/// one of all when none does.
#[derive(Default)]
pub(crate) struct Whereabouts {
    /// What each said last, in the order in which they first did.
    said: watch::Sender<Vec<Said>>,
    /// `None` as long as nobody is to be told.
    told: Mutex<Option<Told>>,
}

/// Where one transport listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) transport: String,
    pub(crate) protocol: String,
    pub(crate) address: String,
    needs_token: bool,
}

/// What the run file says.
struct Told {
    /// Not kept from being let go: who holds it decides how long there is something to tell.
    data: Weak<DataFolder>,
    address: Option<String>,
}

impl Whereabouts {
    /// A transport says where it listens.
    pub(crate) fn hear(&self, transport: &str, listening: &Listening) {
        let now = Said {
            transport: transport.to_owned(),
            protocol: listening.protocol.to_string(),
            address: listening.address.to_string(),
            needs_token: listening.needs_token,
        };
        self.said.send_modify(|said| match said.iter_mut().find(|said| said.transport == transport) {
            Some(then) => *then = now,
            None => said.push(now),
        });
    }

    /// Waits until one of these transports listens.
    pub(crate) async fn known(&self, among: &[String]) {
        let is_there = |said: &Vec<Said>| said.iter().any(|said| among.contains(&said.transport));
        // The sender is `self`, which is there as long as this is waited for.
        let _ = self.said.subscribe().wait_for(is_there).await;
    }

    /// Where the host can be reached; `None` when it has no transport that listens.
    pub(crate) fn address(&self) -> Option<String> {
        self.main(|said| said.address.clone())
    }

    /// Whether those who reach it there need a token.
    pub(crate) fn needs_token(&self) -> bool {
        self.main(|said| said.needs_token).unwrap_or_default()
    }

    fn main<T>(&self, of: impl FnOnce(&Said) -> T) -> Option<T> {
        let all = self.said.borrow();
        all.iter().find(|said| said.protocol == "http").or(all.first()).map(of)
    }

    /// Everything that transports have said, for [`take_back`](Self::take_back).
    pub(crate) fn said(&self) -> Vec<Said> {
        self.said.borrow().clone()
    }

    /// Forgets what a generation of `transport` said that did not come to run: what counts is what was said `before`.
    pub(crate) fn take_back(&self, transport: &str, before: &[Said]) {
        let then = before.iter().find(|then| then.transport == transport);
        self.said.send_modify(|said| {
            said.retain_mut(|said| match then {
                Some(then) if said.transport == transport => {
                    said.clone_from(then);
                    true
                }
                _ => said.transport != transport,
            });
        });
    }

    /// Writes the run file of `data`, which follows from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn tell(&self, data: &Arc<DataFolder>) -> io::Result<()> {
        let mut told = self.told();
        told.insert(Told { data: Arc::downgrade(data), address: None }).follow(self.address())
    }

    /// Removes the run file, for good.
    pub(crate) fn withdraw(&self) {
        if let Some(data) = self.told().take().and_then(|told| told.data.upgrade()) {
            data.remove_run_file();
        }
    }

    /// Brings the run file to where the host can be reached now.
    pub(crate) fn follow(&self) {
        let mut told = self.told();
        let Some(told) = told.as_mut().filter(|_| !sabotaged("keep-the-first-address")) else { return };
        if let Err(error) = told.follow(self.address()) {
            tracing::warn!("the run file cannot be written, so nobody finds the host there: {error}");
        }
    }

    /// The same whenever a transport says something, without end.
    pub(crate) async fn follow_on(self: Arc<Self>) {
        let mut said = self.said.subscribe();
        while said.changed().await.is_ok() {
            self.follow();
        }
    }

    fn told(&self) -> MutexGuard<'_, Option<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn follow(&mut self, now: Option<String>) -> io::Result<()> {
        let Some(data) = self.data.upgrade().filter(|_| now != self.address) else { return Ok(()) };
        match &now {
            Some(address) => data.write_run_file(address)?,
            None => data.remove_run_file(),
        }
        self.address = now;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::running_host;

    fn at(whereabouts: &Whereabouts, transport: &str, address: &str) {
        let listening = Listening { protocol: "http".into(), address: address.into(), needs_token: false };
        whereabouts.hear(transport, &listening);
    }

    #[test]
    fn the_first_transport_is_told_as_long_as_it_is_there() {
        let whereabouts = Whereabouts::default();
        assert_eq!(whereabouts.address(), None);
        at(&whereabouts, "web", "one");
        at(&whereabouts, "other", "two");
        at(&whereabouts, "web", "three");
        assert_eq!(whereabouts.address().as_deref(), Some("three"));
        whereabouts.take_back("web", &[]);
        assert_eq!(whereabouts.address().as_deref(), Some("two"));
    }

    #[test]
    fn one_that_speaks_http_goes_before_others() {
        let whereabouts = Whereabouts::default();
        let listening = Listening { protocol: "ws".into(), address: "one".into(), needs_token: true };
        whereabouts.hear("sockets", &listening);
        assert_eq!((whereabouts.address().as_deref(), whereabouts.needs_token()), (Some("one"), true));
        at(&whereabouts, "web", "two");
        assert_eq!((whereabouts.address().as_deref(), whereabouts.needs_token()), (Some("two"), false));
    }

    #[test]
    fn what_a_generation_said_that_failed_is_taken_back() {
        let whereabouts = Whereabouts::default();
        at(&whereabouts, "web", "one");
        let before = whereabouts.said();
        at(&whereabouts, "web", "two");
        at(&whereabouts, "new", "three");
        whereabouts.take_back("new", &before);
        whereabouts.take_back("web", &before);
        assert_eq!(whereabouts.said(), before);
    }

    #[test]
    fn the_run_file_follows_until_it_is_withdrawn() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = Arc::new(DataFolder::hold(folder.path()).expect("nobody has it"));
        let told = || running_host(folder.path()).map(|host| host.address);
        let whereabouts = Whereabouts::default();
        at(&whereabouts, "web", "one");
        whereabouts.tell(&data).expect("it can be written");
        assert_eq!(told().as_deref(), Some("one"));
        at(&whereabouts, "web", "two");
        whereabouts.follow();
        assert_eq!(told().as_deref(), Some("two"));
        whereabouts.withdraw();
        at(&whereabouts, "web", "three");
        whereabouts.follow();
        assert_eq!(told(), None);
    }
}
