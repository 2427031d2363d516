//! How a connection comes to subscriptions and leaves them.

use futures_util::future::abortable;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{Connection, Done};
use crate::asked::Asked;
use crate::conversations::Conversations;
use crate::perform::{fail, reply};
use crate::push::push;
use crate::subscriptions::{Subject, Wish};

impl<C: Conversations> Connection<'_, C> {
    /// Begins or ends a subscription. The operation has ended when that was told.
    pub(super) fn change_subscription(&mut self, asked: Asked, subject: Subject, wish: Wish) {
        let outbox = self.outbox.clone();
        let told = match wish {
            Wish::End => {
                self.subscriptions.end(&subject);
                Ok(())
            }
            Wish::Begin if self.subscriptions.has(&subject) => Ok(()),
            Wish::Begin => match self.subscriptions.check_room(&subject, self.shared.limits.subscriptions) {
                Ok(()) => return self.subscribe(asked, subject),
                refused => refused,
            },
        };
        self.running.push(Box::pin(async move {
            match told {
                Ok(()) => reply(&outbox, &asked, Value::Null).await,
                Err(error) => fail(&outbox, &asked, &error).await,
            }
            Done::Operation(None, None)
        }));
    }

    fn subscribe(&mut self, asked: Asked, subject: Subject) {
        let (shared, outbox, of) = (self.shared.clone(), self.outbox.clone(), subject.clone());
        let (stands, is_settled) = oneshot::channel();
        let (pushing, stop) = abortable(async move { push(&shared.far, &outbox, &asked, &of, stands).await });
        let number = self.subscriptions.begin(subject.clone(), stop);
        self.running.push(Box::pin(async move {
            // It makes no difference which of the two ended it.
            let _ = pushing.await;
            Done::Subscription(subject, number)
        }));
        self.running.push(Box::pin(async move {
            // Dropped when it stands, and when it does not.
            let _ = is_settled.await;
            Done::Operation(None, None)
        }));
    }
}
