//! [`Accounts`]: which accounts a provider serves, as its settings and whoever keeps credentials say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use transom_agent::credential::Credentials;
use transom_plugin_api::{Background, CallErrorKind, Caller, StartError};

use crate::account::Account;
use crate::catalogue::backoff_ms;
use crate::desk::{Counter, Desk};
use crate::endpoint::Endpoint;
use crate::format::WireFormat;
use crate::provider::{OwnAccount, endpoint_of};

/// Accounts that are served at most.
const MAX_ACCOUNTS: usize = 100;

/// The accounts that are served.
pub(crate) struct Accounts<F> {
    pub(crate) counter: Arc<Counter<F>>,
    pub(crate) own: OwnAccount,
    pub(crate) credentials: Caller<(), Credentials>,
    pub(crate) open: BTreeMap<String, Open<F>>,
}

/// An account that is served.
pub(crate) struct Open<F> {
    account: Account,
    desk: Arc<Desk<F>>,
    asking: Option<Background>,
}

impl<F> Open<F> {
    fn stop_asking(&mut self) {
        if let Some(asking) = self.asking.take() {
            asking.cancel();
        }
    }
}

impl<F: WireFormat> Accounts<F> {
    /// Asks who keeps credentials again whenever that says that they changed, and until it has answered.
    pub(crate) async fn follow(mut self, changed: Arc<Notify>, mut was_answered: bool) {
        let mut attempt = 0;
        loop {
            attempt = if was_answered {
                changed.notified().await;
                0
            } else {
                self.next_attempt(&changed, attempt).await
            };
            let told = self.told().await;
            was_answered = told.is_some();
            if let Some(Err(error)) = told.map(|told| self.serve(told)) {
                tracing::warn!("account `{}` is not served: {error}", self.own.account.name);
            }
        }
    }

    /// Waits behind a failed attempt, but not when a change is told meanwhile; the number of the one to come.
    async fn next_attempt(&self, changed: &Notify, failed: u32) -> u32 {
        let wait = self.counter.host.sleep(Duration::from_millis(backoff_ms(failed)));
        tokio::select! {
            () = changed.notified() => 0,
            () = wait => failed.saturating_add(1),
        }
    }

    /// The accounts that are meant for this provider; none when nobody says.
    pub(crate) async fn told(&self) -> Option<Credentials> {
        match self.credentials.call(()).await {
            Ok(told) => Some(told),
            Err(error) if matches!(error.kind, CallErrorKind::NoProvider | CallErrorKind::Denied) => {
                tracing::debug!("no accounts are told: {error}");
                None
            }
            Err(error) => {
                tracing::warn!("the accounts of `{}` are not known: {error}", F::SERVICE);
                None
            }
        }
    }

    /// Serves the account of the settings and those that were told, and no others.
    ///
    /// # Errors
    /// When that of the settings cannot be served; the others are served all the same.
    pub(crate) fn serve(&mut self, told: Credentials) -> Result<(), StartError> {
        let wanted = self.wanted(told);
        self.open.retain(|name, open| {
            let stays = wanted.get(name).is_some_and(|account| account.base_url == open.account.base_url);
            if !stays {
                open.stop_asking();
                open.desk.close();
            }
            stays
        });
        self.counter.memory.forget_others(|name| wanted.contains_key(name));
        let mut outcome = Ok(());
        for (name, account) in wanted {
            if self.open.get(&name).is_some_and(|open| open.account == account) {
                continue;
            }
            match self.serve_one(&name, account) {
                Err(error) if name == self.own.account.name => outcome = Err(error),
                Err(error) => tracing::warn!("account `{name}` is not served: {error}"),
                Ok(()) => {}
            }
        }
        outcome
    }

    fn wanted(&self, told: Credentials) -> BTreeMap<String, Account> {
        let count = told.credentials.len();
        if count > MAX_ACCOUNTS {
            tracing::warn!(
                "{count} accounts are told, expected at most {MAX_ACCOUNTS}; the others are not served"
            );
        }
        let told = told.credentials.into_iter().take(MAX_ACCOUNTS);
        let told = told.map(|credential| Account::told(credential, F::BASE_URL));
        let mut wanted: BTreeMap<_, _> = told.map(|account| (account.name.clone(), account)).collect();
        let own = &self.own.account;
        if wanted.contains_key(&own.name) && !self.own.lacks_a_key {
            tracing::warn!("an account `{0}` is told, but `{0}` is that of the settings", own.name);
        }
        if !wanted.contains_key(&own.name) || !self.own.lacks_a_key {
            wanted.insert(own.name.clone(), own.clone());
        }
        wanted
    }

    /// One that is new, or has another key than before.
    fn serve_one(&mut self, name: &str, account: Account) -> Result<(), StartError> {
        let is_own = account == self.own.account;
        let endpoint = endpoint_of(&self.counter, &account, self.own.times)?;
        if endpoint.exposes_the_key() {
            tracing::warn!("`{name}` is reached without TLS: everybody on the way can read the key");
        }
        let lacks_a_key = endpoint.lacks_a_key();
        if lacks_a_key {
            tracing::info!("`{name}` has no key, so its models are not listed; set `key`");
        }
        let desk = self.desk_for(name, endpoint, &account)?;
        let asks = !lacks_a_key && (self.own.lists_models || !is_own);
        let asking = asks.then(|| {
            let desk = desk.clone();
            self.counter.host.spawn(async move { desk.keep_asking().await })
        });
        self.open.insert(name.to_owned(), Open { account, desk, asking });
        Ok(())
    }

    fn desk_for(
        &mut self,
        name: &str,
        endpoint: Endpoint,
        account: &Account,
    ) -> Result<Arc<Desk<F>>, StartError> {
        if let Some(open) = self.open.get_mut(name) {
            open.stop_asking();
            open.desk.move_to(endpoint);
            return Ok(open.desk.clone());
        }
        let fixed = self.own.model.clone().filter(|_| name == self.own.account.name);
        Ok(Arc::new(Desk::open(self.counter.clone(), endpoint, &account.base_url, fixed)?))
    }
}
