//! What a notebook owes: what was kept is there after a restart, and nothing else is.

use std::future::Future;

use crate::ports::notebook::{DataFile, Identity, Notes, UnconfirmedSends};
use crate::ports::{Cause, Outgoing, ReadError, WriteError};

/// A notebook under test, fresh at first.
pub trait NotebookRig {
    /// What implements the ports.
    type Notebook: UnconfirmedSends + Notes + Identity + DataFile;

    /// The notebook that is open now.
    fn notebook(&self) -> &Self::Notebook;

    /// The order of this number: its id is no other's.
    fn order(&self, number: u32) -> Outgoing;

    /// Closes it; nothing can be kept then.
    fn close(&mut self) -> impl Future<Output = ()>;

    /// Opens it again.
    fn open(&mut self) -> impl Future<Output = ()>;
}

/// Over restarts, once each, and only those that weren't forgotten.
pub async fn sends_are_kept_until_they_are_forgotten(rig: &mut impl NotebookRig) {
    let [first, second] = [1, 2].map(|number| rig.order(number));
    let doubt = |order: &Outgoing| vec![(order.clone(), Cause("no answer".to_owned()))];
    assert_eq!(rig.notebook().load().await, Ok(vec![]));
    rig.notebook().keep(doubt(&first)).await.unwrap();
    rig.notebook().keep([doubt(&first), doubt(&second)].concat()).await.unwrap();
    rig.notebook().keep(vec![]).await.unwrap();
    reopen(rig).await;
    assert_eq!(rig.notebook().load().await, Ok(vec![first.clone(), second.clone()]));

    let (id, unknown) = (first.message.order_id, rig.order(3).message.order_id);
    rig.notebook().forget(vec![id, unknown]).await.unwrap();
    assert_eq!(rig.notebook().load().await, Ok(vec![second.clone()]));
    reopen(rig).await;
    assert_eq!(rig.notebook().load().await, Ok(vec![second]));
}

/// Each name's own, and the last that was written.
pub async fn a_note_is_what_was_written_last_under_its_name(rig: &mut impl NotebookRig) {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert_eq!(rig.notebook().read("brokers/T").await, Ok(vec![]));
    rig.notebook().write("brokers/T", lines(&["a", "b 12 -"])).await.unwrap();
    rig.notebook().write("brokers/T/G", lines(&["米"])).await.unwrap();
    rig.notebook().write("brokers/T", lines(&["a", "b 13 -", "c"])).await.unwrap();
    reopen(rig).await;
    let kept = rig.notebook().read("brokers/T").await;
    assert_eq!(kept, Ok(lines(&["a", "b 13 -", "c"])));
    assert_eq!(rig.notebook().read("brokers/T/G").await, Ok(lines(&["米"])));
    rig.notebook().write("brokers/T", vec![]).await.unwrap();
    assert_eq!(rig.notebook().read("brokers/T").await, Ok(vec![]));
}

/// It stays over restarts, and another notebook has another one.
pub async fn an_identity_stays_and_is_nobody_elses<R: NotebookRig>(rig: &mut R, other: &R) {
    let id = rig.notebook().store_id().to_owned();
    let key = rig.notebook().order_id_key();
    assert!(32 <= key.expose().len(), "it can't be guessed");
    assert_ne!(other.notebook().store_id(), id);
    assert!(!other.notebook().order_id_key().is(&key));
    reopen(rig).await;
    assert_eq!(rig.notebook().store_id(), id);
    assert!(rig.notebook().order_id_key().is(&key));
}

/// A closed notebook says that nothing was done, and nothing is found of it later.
pub async fn what_a_closed_notebook_refuses_is_not_kept(rig: &mut impl NotebookRig) {
    let file = rig.notebook();
    assert_eq!((file.displaced(), file.trouble(), file.closed_to_a_start()), (None, None, None));
    assert_eq!(file.probe().await, Ok(()));
    rig.close().await;
    let (order, cause) = (rig.order(1), Cause("no answer".to_owned()));
    let closed = rig.notebook();
    assert_eq!(closed.keep(vec![(order, cause)]).await, Err(WriteError::Closed));
    assert_eq!(closed.write("name", vec!["line".to_owned()]).await, Err(WriteError::Closed));
    assert_eq!(closed.probe().await, Err(WriteError::Closed));
    assert_eq!(closed.load().await, Err(ReadError::Closed));
    assert!(closed.trouble().is_some());
    rig.open().await;
    assert_eq!(rig.notebook().load().await, Ok(vec![]));
    assert_eq!(rig.notebook().read("name").await, Ok(vec![]));
}

async fn reopen(rig: &mut impl NotebookRig) {
    rig.close().await;
    rig.open().await;
}
